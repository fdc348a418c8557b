package coap

import (
	"cmp"
	"sync"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// rememberedByIdentity is how many bytes the sessions of one identity may take to
// remember what may be repeated, beyond what each has for itself: enough for ten sessions that
// are as busy as message IDs let them be.
const rememberedByIdentity = 32 << 20

// quotas has what the sessions of each identity remember together, as long as there are
// any.
type quotas struct {
	limit      int64 // of each identity, in bytes; 0 means rememberedByIdentity
	mu         sync.Mutex
	byIdentity map[string]*sharedQuota
}

type sharedQuota struct {
	*endpoint.Quota
	sessions int
}

// join is for a session of this identity, until leave.
func (q *quotas) join(identity string) *endpoint.Quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.byIdentity == nil {
		q.byIdentity = make(map[string]*sharedQuota)
	}
	shared := q.byIdentity[identity]
	if shared == nil {
		shared = &sharedQuota{Quota: endpoint.NewQuota(cmp.Or(q.limit, rememberedByIdentity))}
		q.byIdentity[identity] = shared
	}
	shared.sessions++
	return shared.Quota
}

// leave is for a session that is over.
func (q *quotas) leave(identity string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	shared := q.byIdentity[identity]
	if shared.sessions--; shared.sessions == 0 {
		delete(q.byIdentity, identity)
	}
}
