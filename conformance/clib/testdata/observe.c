/*
 * Observes /sync, or what TARGET and FIRST say and goes on with AFTER, and prints events; the test
 * drives it by lines: "sleep", "wake", "end" and "again".
 */
#include "check.h"

struct state {
	pthread_mutex_t mutex;
	coapgw_client client;
	char next[256];
	int ended;
};

static int heard(void *user, const coapgw_event *event)
{
	static const char *const kinds[] = { "", "data", "trouble", "end", "gap" };
	struct state *s = user;

	pthread_mutex_lock(&s->mutex);
	CHECK(!s->ended);
	CHECK(event->size >= sizeof *event);
	CHECK((event->kind == COAPGW_EVENT_DATA && event->cut) || event->missing == 0);
	CHECK(event->kind == COAPGW_EVENT_GAP || event->skipped == 0);
	if (event->cut)
		printf("%d missing of ", (int)event->missing);
	printf("%s %d %d %s %s\n", kinds[event->kind], event->error, event->status,
	       event->message != NULL ? event->message : "", event->body != NULL ? (const char *)event->body : "");
	fflush(stdout);
	if (event->kind == COAPGW_EVENT_DATA)
		snprintf(s->next, sizeof s->next, "%s", event->next);
	if (event->kind == COAPGW_EVENT_END)
		s->ended = 1;
	pthread_mutex_unlock(&s->mutex);
	if (event->body != NULL && strstr(event->body, "\"nap\"") != NULL) {
		CHECK(coapgw_suspend(s->client, NULL) == COAPGW_OK);
		CHECK(get(s->client, "/_matrix/client/versions") == COAPGW_ESUSPENDED);
		CHECK(coapgw_resume(s->client) == COAPGW_OK);
	}
	return event->body != NULL && strstr(event->body, "enough") != NULL;
}

static coapgw_observation observe(coapgw_client client, struct state *s)
{
	coapgw_request what = COAPGW_REQUEST_INIT;
	coapgw_observation observation;
	const char *target = getenv("TARGET"), *first = getenv("FIRST"), *after = getenv("AFTER");
	char path[512];

	if (target == NULL) {
		target = "/_matrix/client/v3/sync";
		first = "";
		after = "?since=";
	}
	snprintf(path, sizeof path, "%s%s%s", target, *s->next != 0 ? after : first, s->next);
	what.path = path;
	what.token = getenv("TOKEN");
	pthread_mutex_lock(&s->mutex); /* until END has set it */
	s->ended = 0;
	pthread_mutex_unlock(&s->mutex);
	CHECK(coapgw_observe(client, &what, heard, s, &observation, NULL) == COAPGW_OK);
	memset(path, 'x', sizeof path); /* nothing of it is kept */
	return observation;
}

int main(void)
{
	struct state s = { PTHREAD_MUTEX_INITIALIZER, 0, "", 0 };
	coapgw_client client = s.client = open_client(NULL);
	coapgw_observation observation;
	char line[64];

	observation = observe(client, &s);
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (strcmp(line, "sleep\n") == 0) {
			CHECK(coapgw_suspend(client, NULL) == COAPGW_OK);
			say("asleep");
		} else if (strcmp(line, "wake\n") == 0) {
			CHECK(coapgw_resume(client) == COAPGW_OK);
		} else if (strcmp(line, "end\n") == 0) {
			CHECK(coapgw_unobserve(observation) == COAPGW_OK);
			CHECK(s.ended);
			CHECK(coapgw_unobserve(observation) == COAPGW_EHANDLE);
			say("ended");
		} else if (strcmp(line, "again\n") == 0) {
			observation = observe(client, &s);
		}
	}
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	CHECK(s.ended);
	return 0;
}
