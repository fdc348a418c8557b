//go:build cgo

// The functions of coapgw.h. Go's own exports cannot have their names: cgo
// declares them without const. And some things are decided before Go is entered,
// or without it: a child of fork has only one thread of Go's, and must not enter
// it at all.

#include <pthread.h>
#include <stdlib.h>

#include "boundary.h"
#include "_cgo_export.h"

static int forked;

static void child(void) { forked = 1; }

__attribute__((constructor)) static void watch_forks(void) {
	pthread_atfork(NULL, NULL, child);
}

// Callbacks under way on this thread.
static __thread unsigned events, logs;

// Waiting says that a function waits for callbacks, so none may call it.
enum { passing = 0, waiting = 1 };

static int refused(int waits) {
	if (forked)
		return COAPGW_EFORKED;
	if (logs > 0 || (waits && events > 0))
		return COAPGW_EDEADLK;
	return COAPGW_OK;
}

// enter returns from the function where it must not go on.
#define enter(waits)                     \
	do {                             \
		int r = refused(waits);  \
		if (r != COAPGW_OK)      \
			return r;        \
	} while (0)

static void none(char **why) {
	if (why != NULL)
		*why = NULL;
}

void *coapgw_boundary_alloc(size_t size) { return malloc(size); }

int coapgw_boundary_event(coapgw_event_fn event, uintptr_t user, const coapgw_event *e) {
	events++;
	int over = event((void *)user, e);
	events--;
	return over;
}

void coapgw_boundary_log(coapgw_log_fn log, uintptr_t user, int level, const char *line) {
	logs++;
	log((void *)user, level, line);
	logs--;
}

uint32_t coapgw_abi_version(void) { return COAPGW_ABI_VERSION; }

// build.sh tells it.
#ifndef COAPGW_VERSION
#define COAPGW_VERSION (devel)
#endif
#define text(x) #x
#define text_of(x) text(x)

const char *coapgw_version(void) { return text_of(COAPGW_VERSION); }

const char *coapgw_error_text(int error) {
	switch (error) {
	case COAPGW_OK: return "no error";
	case COAPGW_EINVAL: return "wrong argument";
	case COAPGW_EHANDLE: return "no such client or observation";
	case COAPGW_ECLOSED: return "client closed";
	case COAPGW_ECANCELED: return "canceled";
	case COAPGW_ETIMEDOUT: return "no answer in time";
	case COAPGW_ELINK: return "link failed";
	case COAPGW_EBUSY: return "too much is waiting for the link";
	case COAPGW_ESECURITY: return "gateway or key refused";
	case COAPGW_ETOOLARGE: return "too large";
	case COAPGW_EBODY: return "body is not what its format says";
	case COAPGW_ESTATE: return "state file cannot be used";
	case COAPGW_EREFUSED: return "refused by the homeserver";
	case COAPGW_ESUSPENDED: return "client suspended";
	case COAPGW_EDEADLK: return "not allowed in this callback";
	case COAPGW_EFORKED: return "not allowed after fork";
	case COAPGW_ENOMEM: return "out of memory";
	case COAPGW_EINTERNAL: return "internal error";
	}
	return "unknown error";
}

void coapgw_string_free(char *message) { free(message); }

// An answer is one piece of memory, with all that it points to.
void coapgw_response_free(coapgw_response *response) { free(response); }

int coapgw_open(const char *pairing, const coapgw_options *options, coapgw_client *client, char **why) {
	none(why);
	if (client == NULL)
		return COAPGW_EINVAL;
	*client = 0;
	enter(passing);
	return coapgwGoOpen((char *)pairing, (coapgw_options *)options, client, why);
}

int coapgw_close(coapgw_client client, char **why) {
	none(why);
	enter(waiting);
	return coapgwGoClose(client, why);
}

int coapgw_exchange(coapgw_client client, const coapgw_request *request, coapgw_response **response, char **why) {
	none(why);
	if (response == NULL)
		return COAPGW_EINVAL;
	*response = NULL;
	enter(passing);
	return coapgwGoExchange(client, (coapgw_request *)request, response, why);
}

int coapgw_cancel(coapgw_client client, uint64_t tag, uint32_t *canceled) {
	uint32_t unasked;
	if (canceled == NULL)
		canceled = &unasked;
	*canceled = 0;
	enter(passing);
	return coapgwGoCancel(client, tag, canceled);
}

int coapgw_observe(coapgw_client client, const coapgw_request *what, coapgw_event_fn event, void *user,
                   coapgw_observation *observation, char **why) {
	none(why);
	if (observation == NULL)
		return COAPGW_EINVAL;
	*observation = 0;
	enter(passing);
	return coapgwGoObserve(client, (coapgw_request *)what, event, (uintptr_t)user, observation, why);
}

int coapgw_unobserve(coapgw_observation observation) {
	enter(waiting);
	return coapgwGoUnobserve(observation);
}

int coapgw_suspend(coapgw_client client, char **why) {
	none(why);
	enter(passing);
	return coapgwGoSuspend(client, why);
}

int coapgw_resume(coapgw_client client) {
	enter(passing);
	return coapgwGoResume(client);
}

int coapgw_network_changed(coapgw_client client) {
	enter(passing);
	return coapgwGoNetworkChanged(client);
}
