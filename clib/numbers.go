//go:build cgo

package main

// #include "coapgw.h"
import "C"

import gw "github.com/coapgw/coapgw/client"

// code is a coapgw_error. Those that boundary.c alone gives are not here.
type code int

const (
	codeInvalid   code = C.COAPGW_EINVAL
	codeHandle    code = C.COAPGW_EHANDLE
	codeClosed    code = C.COAPGW_ECLOSED
	codeCanceled  code = C.COAPGW_ECANCELED
	codeTimedOut  code = C.COAPGW_ETIMEDOUT
	codeLink      code = C.COAPGW_ELINK
	codeBusy      code = C.COAPGW_EBUSY
	codeSecurity  code = C.COAPGW_ESECURITY
	codeTooLarge  code = C.COAPGW_ETOOLARGE
	codeBody      code = C.COAPGW_EBODY
	codeState     code = C.COAPGW_ESTATE
	codeRefused   code = C.COAPGW_EREFUSED
	codeSuspended code = C.COAPGW_ESUSPENDED
	codeNoMemory  code = C.COAPGW_ENOMEM
	codeInternal  code = C.COAPGW_EINTERNAL
)

// format is a coapgw_format.
type format int

const (
	formatJSON     format = C.COAPGW_FORMAT_JSON
	formatCBOR     format = C.COAPGW_FORMAT_CBOR
	formatCBORKeys format = C.COAPGW_FORMAT_CBOR_KEYS
	formatBytes    format = C.COAPGW_FORMAT_BYTES
)

// kind is a coapgw_event_kind.
type kind int

const (
	kindData    kind = C.COAPGW_EVENT_DATA
	kindTrouble kind = C.COAPGW_EVENT_TROUBLE
	kindEnd     kind = C.COAPGW_EVENT_END
	kindGap     kind = C.COAPGW_EVENT_GAP
)

// devices are those of package client by their coapgw_device.
var devices = map[int]gw.Device{
	C.COAPGW_DEVICE_HANDHELD: gw.Handheld,
	C.COAPGW_DEVICE_SMALL:    gw.Microcontroller,
	C.COAPGW_DEVICE_DESKTOP:  gw.Desktop,
}
