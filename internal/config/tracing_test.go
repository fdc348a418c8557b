package config_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/internal/config"
)

func TestTracingCheck(t *testing.T) {
	assert.NoError(t, config.Default().Tracing.Check())
	assert.NoError(t, config.Tracing{Endpoint: "http://localhost:4318/v1/traces"}.Check())
	assert.ErrorContains(t, config.Tracing{Endpoint: "localhost:4318"}.Check(), "otlp-endpoint")
	for _, sample := range []float64{-0.1, 1.1, math.NaN()} {
		assert.ErrorContains(t, config.Tracing{Sample: sample}.Check(), "otlp-sample")
	}
}
