/*
 * Many threads on one client, a callback that calls back, and a close from two threads
 * while all of that is under way; some times over.
 */
#include "check.h"

enum { ROUNDS = 5, THREADS = 16, REQUESTS = 20 };

struct round {
	coapgw_client client;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int working;  /* threads that have not made their requests */
	int data;     /* events with news */
	int ended;    /* final events */
	int over;     /* no callback may come any more */
	int closed;   /* threads that closed the client */
};

struct worker {
	struct round *round;
	int number;
	pthread_t thread;
};

/* The callback may do anything but wait for callbacks. */
static int heard(void *user, const coapgw_event *event)
{
	struct round *r = user;
	uint32_t canceled;
	int error;

	CHECK(event->size >= sizeof *event);
	CHECK(coapgw_close(r->client, NULL) == COAPGW_EDEADLK);
	CHECK(coapgw_unobserve(event->observation) == COAPGW_EDEADLK);
	pthread_mutex_lock(&r->mutex);
	CHECK(!r->over);
	CHECK(r->ended == 0);
	if (event->kind == COAPGW_EVENT_END) {
		CHECK(event->error == COAPGW_ECLOSED);
		CHECK(event->message != NULL);
		r->ended = 1;
	} else {
		CHECK(event->kind == COAPGW_EVENT_DATA);
		CHECK(event->status == 200);
		CHECK(event->error == COAPGW_OK && event->message == NULL);
		CHECK(event->next != NULL && *event->next != 0);
		CHECK(event->body_size == strlen(event->body));
		r->data++;
		pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->mutex);

	error = get(r->client, "/_matrix/client/versions");
	CHECK(error == COAPGW_OK || error == COAPGW_ECLOSED || error == COAPGW_EHANDLE);
	error = coapgw_cancel(r->client, 12345, &canceled);
	CHECK(error == COAPGW_OK || error == COAPGW_EHANDLE);
	error = coapgw_network_changed(0);
	CHECK(error == COAPGW_EHANDLE);
	return 0;
}

/* Sends something and has it back. */
static int echo(const struct worker *w, int n)
{
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;
	char body[64];
	int error;

	request.method = "PUT";
	request.path = "/_matrix/client/v3/echo";
	request.body = body;
	request.body_size = (size_t)snprintf(body, sizeof body, "{\"thread\":%d,\"n\":%d}", w->number, n);
	error = coapgw_exchange(w->round->client, &request, &response, NULL);
	memset(body + 1, 'x', 8); /* what was sent is no business of the library any more */
	if (error != COAPGW_OK)
		return error;
	snprintf(body, sizeof body, "{\"thread\":%d,\"n\":%d}", w->number, n);
	if (response->status != 200)
		fprintf(stderr, "%d %s\n", response->status, (const char *)response->body);
	CHECK(response->status == 200);
	CHECK(response->format == COAPGW_FORMAT_JSON);
	CHECK(strcmp(response->content_type, "application/json") == 0);
	CHECK(response->body_size == strlen(body));
	CHECK(strcmp(response->body, body) == 0);
	coapgw_response_free(response);
	return COAPGW_OK;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct round *r = w->round;
	int i, error;

	for (i = 0; i < REQUESTS; i++)
		CHECK(echo(w, i) == COAPGW_OK);
	pthread_mutex_lock(&r->mutex);
	r->working--;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->mutex);
	do
		error = echo(w, i++);
	while (error == COAPGW_OK);
	CHECK(error == COAPGW_ECLOSED || error == COAPGW_EHANDLE);
	return NULL;
}

static void *finish(void *argument)
{
	struct round *r = argument;
	int error = coapgw_close(r->client, NULL);

	CHECK(error == COAPGW_OK || error == COAPGW_EHANDLE);
	if (error == COAPGW_OK) {
		pthread_mutex_lock(&r->mutex);
		CHECK(r->ended == 1);
		r->over = 1;
		r->closed++;
		pthread_mutex_unlock(&r->mutex);
	}
	return NULL;
}

int main(void)
{
	int n, i;

	for (n = 0; n < ROUNDS; n++) {
		struct round r = { 0, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, THREADS, 0, 0, 0, 0 };
		struct worker workers[THREADS];
		coapgw_request what = COAPGW_REQUEST_INIT;
		coapgw_observation observation;
		pthread_t closing;

		r.client = open_client(NULL);
		what.path = "/_matrix/client/v3/sync";
		what.token = getenv("TOKEN");
		CHECK(coapgw_observe(r.client, &what, heard, &r, &observation, NULL) == COAPGW_OK);
		for (i = 0; i < THREADS; i++) {
			workers[i].round = &r;
			workers[i].number = i;
			CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
		}
		pthread_mutex_lock(&r.mutex);
		while (r.working > 0 || r.data == 0)
			pthread_cond_wait(&r.changed, &r.mutex);
		pthread_mutex_unlock(&r.mutex);
		CHECK(pthread_create(&closing, NULL, finish, &r) == 0);
		finish(&r);
		CHECK(pthread_join(closing, NULL) == 0);
		for (i = 0; i < THREADS; i++)
			CHECK(pthread_join(workers[i].thread, NULL) == 0);
		CHECK(r.closed == 1);
		CHECK(coapgw_unobserve(observation) == COAPGW_EHANDLE);
		CHECK(coapgw_close(r.client, NULL) == COAPGW_EHANDLE);
	}
	return 0;
}
