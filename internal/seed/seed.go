// Package seed pins modules while the tree is young.
package seed
import (
 _ "github.com/alecthomas/kong"
 _ "github.com/fxamacker/cbor/v2"
 _ "github.com/pion/dtls/v3"
 _ "github.com/plgd-dev/go-coap/v3/message"
 _ "github.com/plgd-dev/go-coap/v3/message/codes"
 _ "github.com/plgd-dev/go-coap/v3/udp/coder"
 _ "github.com/stretchr/testify/require"
 _ "github.com/stretchr/testify/assert"
 _ "golang.org/x/time/rate"
 _ "pgregory.net/rapid"
)
