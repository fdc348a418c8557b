package tokens

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/coapgw/coapgw/coap/txn"
)

// device is whose tokens follow one another.
type device struct {
	// user names it: a hash of the first access token that is known of it.
	user txn.Digest
	// name is a hash of user and device ID, zero where they are not known.
	name txn.Digest
	// tokens and refresh are hashes of access and of refresh tokens, the newest last. Of the
	// former the first is the one that was last used: it is good until one that follows it is,
	// for an answer may have been lost.
	tokens, refresh []txn.Digest
	learnt          time.Time
}

// maxTokens bounds the tokens of a kind that are remembered of a device: so often in a row
// the answer to a /refresh may be lost.
const maxTokens = 8

// renew notes a newer access token, and what came with it.
func (d *device) renew(told answer, now time.Time) {
	d.learnt = now
	d.tokens = follow(d.tokens, txn.Token(told.accessToken))
	if told.refreshToken != "" {
		d.refresh = follow(d.refresh, txn.Token(told.refreshToken))
	}
	if told.named() {
		d.name = told.name()
	}
}

// use notes that a request bears one of the tokens, and returns those that it makes void.
func (d *device) use(token txn.Digest) (void []txn.Digest) {
	i := slices.Index(d.tokens, token)
	void, d.tokens = d.tokens[:i], d.tokens[i:]
	return void
}

func follow(list []txn.Digest, newest txn.Digest) []txn.Digest {
	list = slices.DeleteFunc(list, func(t txn.Digest) bool { return t == newest })
	list = append(list, newest)
	if len(list) > maxTokens {
		list = slices.Delete(list, 1, 2) // the first may be the one in use
	}
	return list
}

func (d *device) hadRefresh(token txn.Digest) bool { return slices.Contains(d.refresh, token) }

// storePrefix begins the keys; the user follows in hexadecimal.
const storePrefix = "tokens/"

func storeKey(user txn.Digest) string { return storePrefix + hex.EncodeToString(user[:]) }

const deviceVersion = 1

// encode returns what is kept:
//
//	version, when it was learnt in nanoseconds (8 bytes), name, number of access tokens, their
//	hashes, number of refresh tokens, their hashes
func (d *device) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{deviceVersion}, uint64(d.learnt.UnixNano()))
	b = append(b, d.name[:]...)
	for _, list := range [][]txn.Digest{d.tokens, d.refresh} {
		b = append(b, byte(len(list)))
		for _, t := range list {
			b = append(b, t[:]...)
		}
	}
	return b
}

var errDevice = errors.New("tokens: not a device of this version")

func decodeDevice(key string, b []byte) (*device, error) {
	d := &device{}
	user, err := hex.DecodeString(key[min(len(storePrefix), len(key)):])
	const head = 1 + 8 + len(d.name)
	if err != nil || len(user) != len(d.user) || len(b) < head || b[0] != deviceVersion {
		return nil, errDevice
	}
	copy(d.user[:], user)
	d.learnt = time.Unix(0, int64(binary.BigEndian.Uint64(b[1:])))
	copy(d.name[:], b[9:])
	b = b[head:]
	for _, list := range []*[]txn.Digest{&d.tokens, &d.refresh} {
		if len(b) == 0 || len(b) < 1+int(b[0])*len(d.user) {
			return nil, errDevice
		}
		n := int(b[0])
		b = b[1:]
		for range n {
			*list = append(*list, txn.Digest(b[:len(d.user)]))
			b = b[len(d.user):]
		}
	}
	if len(b) > 0 || len(d.tokens) == 0 {
		return nil, errDevice
	}
	return d, nil
}

// load reads what earlier lives have learnt. Without it a device is a stranger again.
func (l *Lineage) load() {
	if l.Store == nil {
		return
	}
	keys, err := l.Store.Keys(storePrefix)
	if err != nil {
		l.Log.Error("what was known of renewed access tokens is lost", "err", err)
		return
	}
	for _, key := range keys {
		value, err := l.Store.Load(key)
		var d *device
		if err == nil {
			d, err = decodeDevice(key, value)
		}
		if err != nil {
			l.Log.Error("what was known of a renewed access token is lost", "err", err)
			continue
		}
		l.insert(d)
	}
}
