package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/internal/config"
)

func TestPageCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		page   config.Page
		option string
	}{
		{"none", config.Page{}, ""},
		{"by default", config.Default().Page, ""},
		{"by name", config.Page{Listen: "localhost:8009"}, ""},
		{"IPv6", config.Page{Listen: "[::1]:8009"}, ""},
		{"loopback with a token", config.Page{Listen: "127.0.0.1:0", TokenFile: "t"}, ""},
		{"anywhere", config.Page{Listen: ":8009", TokenFile: "t", Cert: "c", Key: "k"}, ""},
		{"no port", config.Page{Listen: "localhost"}, "status-listen"},
		{"anywhere without a token", config.Page{Listen: ":8009", Cert: "c", Key: "k"}, "status-token-file"},
		{"anywhere without TLS", config.Page{Listen: "192.0.2.1:8009", TokenFile: "t"}, "status-cert"},
		{"certificate without key", config.Page{Listen: ":8009", TokenFile: "t", Cert: "c"}, "status-key"},
		{"a token for nothing", config.Page{TokenFile: "t"}, "status-token-file"},
		{"a certificate for nothing", config.Page{Cert: "c", Key: "k"}, "status-cert"},
	} {
		t.Run(tt.name, func(t *testing.T) { check(t, tt.page.Check(), tt.option) })
	}
}

func TestPolicyCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*config.Policy)
		option string
	}{
		{"by default", func(*config.Policy) {}, ""},
		{"rows", func(p *config.Policy) { p.Rows = []string{"typing=pass", "receipts=merge:2m"} }, ""},
		{"any size", func(p *config.Policy) { p.MaxDownload, p.MaxUpload = -1, -1 }, ""},
		{"unknown mode", func(p *config.Policy) { p.Chatter = "none" }, "chatter"},
		{"unknown row", func(p *config.Policy) { p.Rows = []string{"tiping=pass"} }, "policy"},
		{"rows of no use", func(p *config.Policy) { p.Chatter, p.Rows = config.Full, []string{"typing=drop"} }, "policy"},
		{"negative memory", func(p *config.Policy) { p.MaxMedia = -1 }, "max-media"},
		{"download", func(p *config.Policy) { p.MaxDownload = -2 }, "max-download"},
		{"upload", func(p *config.Policy) { p.MaxUpload = -2 }, "max-upload"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := config.Default().Policy
			tt.change(&p)
			check(t, p.Check(), tt.option)
		})
	}
	o, err := config.Policy{Rows: []string{"typing=pass", "typing=drop"}}.Override()
	require.NoError(t, err)
	assert.Equal(t, policy.Override{"typing": {Verb: policy.Drop}}, o)
}

func TestOutboxCheck(t *testing.T) {
	kept := config.State{File: "state"}
	check(t, config.Outbox{}.Check(config.State{}), "")
	check(t, config.Outbox{Enabled: true, Hold: time.Minute}.Check(kept), "")
	check(t, config.Outbox{Enabled: true}.Check(config.State{}), "outbox")
	check(t, config.Outbox{Enabled: true, Hold: -1}.Check(kept), "outbox-hold")
	check(t, config.Outbox{Hold: 1}.Check(kept), "outbox-hold")
}
