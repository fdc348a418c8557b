package coap

import (
	"context"
	"net/http"

	"github.com/coapgw/coapgw/coap/endpoint"
)

func isSync(r *http.Request) bool { return false }

func (s *serverSession) observe(ctx context.Context, r *endpoint.Request, req *http.Request, to audience) *endpoint.Response {
	return s.run(req, to)
}
