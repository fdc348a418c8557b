package httpscost

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/internal/status"
)

// measured reads what each operation takes over HTTP/2, in bytes of whole packets.
func measured(t *testing.T) map[string]status.Cost {
	t.Helper()
	data, err := os.ReadFile("../../testdata/https.tsv")
	require.NoError(t, err)
	rows := map[string]status.Cost{}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 5 || f[0] == "operation" {
			continue
		}
		up, err := strconv.ParseFloat(f[3], 64)
		require.NoError(t, err)
		down, err := strconv.ParseFloat(f[4], 64)
		require.NoError(t, err)
		rows[f[0]] = status.Cost{Up: up, Down: down}
	}
	return rows
}

func counts(op operations.Operation) (c status.Counts) {
	for _, x := range op.Exchanges {
		c.Count(len(x.Request.Body), len(x.Response.Body))
	}
	return c
}

// TestModel: the estimate is near what was measured, for each operation, over an open
// connection and over a new one.
func TestModel(t *testing.T) {
	rows, model := measured(t), status.FittedHTTPS()
	all, err := operations.All()
	require.NoError(t, err)
	require.Greater(t, len(all), 20)
	for _, op := range all {
		connections := 1
		if op.Begin == operations.Warm {
			connections = 0
		}
		got, want := model.Of(counts(op), connections), rows[op.Name]
		require.NotZero(t, want.Up, op.Name)
		up, down := got.Up/want.Up, got.Down/want.Down
		t.Logf("%-14s up %5.0f %.2f, down %6.0f %.2f", op.Name, got.Up, up, got.Down, down)
		total := (got.Up + got.Down) / (want.Up + want.Down)
		assert.InDelta(t, 1, up, 0.5, "%s up", op.Name)
		assert.InDelta(t, 1, down, 0.56, "%s down", op.Name)
		assert.InDelta(t, 1, total, 0.45, op.Name)
	}
}

// TestFit: the model is the one that fits best, by least squares of what it is off in
// parts.
func TestFit(t *testing.T) {
	rows, model := measured(t), status.FittedHTTPS()
	all, err := operations.All()
	require.NoError(t, err)
	var up, down [][]float64
	var newUp, newDown, opened float64
	for _, op := range all {
		c, y := counts(op), rows[op.Name]
		switch {
		case op.Begin != operations.Warm:
			warm := model.Of(c, 0)
			newUp += y.Up - warm.Up
			newDown += y.Down - warm.Down
			opened++
		case op.Push, op.Name == "sync-delayed": // over HTTP the same as another row
		default:
			n, body, response := float64(c.Requests), float64(c.BodyBytes), float64(c.FirstBytes+c.RestBytes)
			up = append(up, []float64{n, float64(c.WithBody), body, response, y.Up})
			down = append(down, []float64{n, body, float64(c.FirstBytes), float64(c.RestBytes), y.Down})
		}
	}
	u, d := fit(up), fit(down)
	t.Logf("up %v, down %v, connection %.0f %.0f", u, d, newUp/opened, newDown/opened)
	const near = 0.02
	for i, want := range []float64{model.Request.Up, model.WithBody.Up, model.PerBody.Up, model.PerFirst.Up} {
		assert.InEpsilon(t, u[i], want, near, "up %d", i)
	}
	for i, want := range []float64{model.Request.Down, model.PerBody.Down, model.PerFirst.Down, model.PerRest.Down} {
		assert.InEpsilon(t, d[i], want, near, "down %d", i)
	}
	assert.InEpsilon(t, newUp/opened, model.Connection.Up, near)
	assert.InEpsilon(t, newDown/opened, model.Connection.Down, near)
}

// fit returns the factors of the columns that come nearest to the last one, row by row in
// proportion to it.
func fit(rows [][]float64) []float64 {
	n := len(rows[0]) - 1
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, n+1)
		for _, r := range rows {
			for j := range r {
				a[i][j] += r[i] * r[j] / r[n] / r[n]
			}
		}
	}
	for i := range a { // Gauss and Jordan
		for k := range a {
			if k == i {
				continue
			}
			f := a[k][i] / a[i][i]
			for j := range a[k] {
				a[k][j] -= f * a[i][j]
			}
		}
	}
	x := make([]float64, n)
	for i := range x {
		x[i] = a[i][n] / a[i][i]
	}
	return x
}
