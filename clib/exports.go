//go:build cgo

package main

// #include "boundary.h"
import "C"

// What follows are the functions of coapgw.h, without what boundary.c has decided: where a
// result goes is never NULL here, but why may be.

// guarded runs a function of the header; a panic in it becomes an error.
func guarded(name string, why **C.char, f func() error) C.int {
	err := recovered(name, f)
	if err == nil {
		return C.COAPGW_OK
	}
	failed := failureOf(err)
	if why != nil {
		*why = newString(failed.message)
	}
	return C.int(failed.code)
}

func recovered(name string, f func() error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fault(name, panicked)
		}
	}()
	provoke(name)
	return f()
}

// using runs f with a client, in a function of the header.
func using(name string, handle C.coapgw_client, why **C.char, f func(*client) error) C.int {
	return guarded(name, why, func() error {
		c, err := handles.use(uint64(handle))
		if err != nil {
			return err
		}
		defer c.leave()
		return f(c)
	})
}

//export coapgwGoOpen
func coapgwGoOpen(line *C.char, options *C.coapgw_options, opened *C.coapgw_client, why **C.char) C.int {
	return guarded("coapgw_open", why, func() error {
		pairing, err := readString("pairing", line)
		if err != nil {
			return err
		}
		if pairing == "" {
			return invalid("there is no pairing line")
		}
		o, err := readOptions(options)
		if err != nil {
			return err
		}
		c, err := open(pairing, o)
		if err != nil {
			return err
		}
		*opened = C.coapgw_client(handles.addClient(c))
		return nil
	})
}

//export coapgwGoClose
func coapgwGoClose(handle C.coapgw_client, why **C.char) C.int {
	return guarded("coapgw_close", why, func() error {
		c, err := handles.takeClient(uint64(handle))
		if err != nil {
			return err
		}
		return c.close()
	})
}

//export coapgwGoExchange
func coapgwGoExchange(handle C.coapgw_client, asked *C.coapgw_request, answered **C.coapgw_response, why **C.char) C.int {
	return using("coapgw_exchange", handle, why, func(c *client) error {
		q, err := readRequest(asked)
		if err != nil {
			return err
		}
		if err := q.check(); err != nil {
			return err
		}
		a, err := c.exchange(c.life, q)
		if err != nil {
			return err
		}
		if a.form, a.body, err = q.form.answered(a.contentType, a.body); err != nil {
			return err
		}
		*answered = newResponse(a)
		if *answered == nil {
			return errNoMemory
		}
		return nil
	})
}

//export coapgwGoCancel
func coapgwGoCancel(handle C.coapgw_client, tag C.uint64_t, canceled *C.uint32_t) C.int {
	return using("coapgw_cancel", handle, nil, func(c *client) error {
		if tag == 0 {
			return invalid("0 is no tag")
		}
		*canceled = C.uint32_t(c.cancel(uint64(tag)))
		return nil
	})
}

//export coapgwGoObserve
func coapgwGoObserve(handle C.coapgw_client, what *C.coapgw_request, hears C.coapgw_event_fn, user C.uintptr_t, observing *C.coapgw_observation, why **C.char) C.int {
	return using("coapgw_observe", handle, why, func(c *client) error {
		if hears == nil {
			return invalid("there is no callback")
		}
		q, err := readRequest(what)
		if err != nil {
			return err
		}
		o, err := newObservation(c, *q)
		if err != nil {
			return err
		}
		o.handle = handles.addObservation(o)
		o.hear = func(e event) bool { return callBack(hears, user, o.handle, e) }
		*observing = C.coapgw_observation(o.handle)
		o.start()
		return nil
	})
}

//export coapgwGoUnobserve
func coapgwGoUnobserve(handle C.coapgw_observation) C.int {
	return guarded("coapgw_unobserve", nil, func() error {
		o, err := handles.observation(uint64(handle))
		if err != nil {
			return err
		}
		o.stop()
		return nil
	})
}

//export coapgwGoSuspend
func coapgwGoSuspend(handle C.coapgw_client, why **C.char) C.int {
	return using("coapgw_suspend", handle, why, (*client).suspend)
}

//export coapgwGoResume
func coapgwGoResume(handle C.coapgw_client) C.int {
	return using("coapgw_resume", handle, nil, func(c *client) error {
		c.resume()
		return nil
	})
}

//export coapgwGoNetworkChanged
func coapgwGoNetworkChanged(handle C.coapgw_client) C.int {
	return using("coapgw_network_changed", handle, nil, func(c *client) error {
		c.carrier.NetworkChanged()
		return nil
	})
}
