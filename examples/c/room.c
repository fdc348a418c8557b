/*
 * A room on a terrible link: logs in, says something, and prints what others say
 * until somebody says the last word.
 *
 *	cc -pthread -o room room.c $(pkg-config --cflags --libs coapgw)
 *	room boat.pairing alice '!room:example.org' 'hello' 'goodbye' <password
 *
 * boat.pairing holds what `coapgw keygen psk` printed. The session is kept beside it,
 * so that the next run needs no handshake.
 */
#include <coapgw.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the callback and main share. */
struct listener {
	const char *last_word;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int ended;
	int error; /* a coapgw_error, once ended */
};

/* Prints a failure and frees its message. */
static int failed(const char *what, int error, char *why)
{
	fprintf(stderr, "%s: %s: %s\n", what, coapgw_error_text(error), why != NULL ? why : "");
	coapgw_string_free(why);
	return 1;
}

/*
 * Copies the first string of that name in a JSON text: enough for an example. Use a
 * parser, or COAPGW_FORMAT_CBOR and one for CBOR, in a program.
 */
static const char *find_string(const char *json, const char *name, char *to, size_t size)
{
	char key[64];
	size_t n = 0;

	snprintf(key, sizeof key, "\"%s\":\"", name);
	json = strstr(json, key);
	if (json == NULL)
		return NULL;
	for (json += strlen(key); *json != '"' && *json != '\0' && n + 1 < size; json++) {
		if (*json == '\\' && json[1] != '\0')
			json++;
		to[n++] = *json;
	}
	to[n] = '\0';
	return json;
}

/* Reads the first line of a file, without its end. */
static int read_line(FILE *f, char *line, int size)
{
	if (f == NULL || fgets(line, size, f) == NULL)
		return 0;
	line[strcspn(line, "\r\n")] = '\0';
	return 1;
}

/* Writes text as a JSON string, quotes included. Returns 0 if it does not fit. */
static int quote(const char *text, char *to, size_t size)
{
	size_t n = 0;

	if (size < 3)
		return 0;
	to[n++] = '"';
	for (; *text != '\0'; text++) {
		if (n + 8 > size)
			return 0;
		if (*text == '"' || *text == '\\') {
			to[n++] = '\\';
			to[n++] = *text;
		} else if ((unsigned char)*text < ' ') {
			n += (size_t)sprintf(to + n, "\\u%04x", (unsigned)*text);
		} else {
			to[n++] = *text;
		}
	}
	to[n++] = '"';
	to[n] = '\0';
	return 1;
}

/* Makes a request with a body in JSON, and copies a string of the answer. */
static int ask(coapgw_client client, const char *method, const char *path, const char *token, const char *body,
               const char *name, char *to, size_t size)
{
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;
	char *why;
	int error, found;

	request.method = method;
	request.path = path;
	request.token = token;
	request.body = body;
	request.body_size = strlen(body);
	error = coapgw_exchange(client, &request, &response, &why);
	if (error != COAPGW_OK)
		return failed(path, error, why);
	found = response->status == 200 && find_string(response->body, name, to, size) != NULL;
	if (!found)
		fprintf(stderr, "%s: %d %s\n", path, response->status, (const char *)response->body);
	coapgw_response_free(response);
	return !found;
}

/* Prints the texts of messages; another thread than main's calls it. */
static int heard(void *user, const coapgw_event *event)
{
	struct listener *listener = user;
	const char *at = event->body;
	char text[1024];

	switch (event->kind) {
	case COAPGW_EVENT_TROUBLE:
		fprintf(stderr, "%s; trying again\n", event->message);
		return 0;
	case COAPGW_EVENT_END:
		if (event->error != COAPGW_ECANCELED)
			fprintf(stderr, "%s\n", event->message);
		pthread_mutex_lock(&listener->mutex);
		listener->ended = 1;
		listener->error = event->error;
		pthread_cond_signal(&listener->changed);
		pthread_mutex_unlock(&listener->mutex);
		return 0;
	}
	while ((at = find_string(at, "body", text, sizeof text)) != NULL) {
		printf("%s\n", text);
		fflush(stdout);
		if (strcmp(text, listener->last_word) == 0)
			return 1; /* ends the observation */
	}
	return 0;
}

static int talk(coapgw_client client, char **argv)
{
	struct listener listener = { argv[5], PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, COAPGW_OK };
	coapgw_request sync = COAPGW_REQUEST_INIT;
	coapgw_observation observation;
	char password[256], user[256], text[1024], body[2048], path[512], token[512], event_id[256];
	char *why;
	int error;

	if (!read_line(stdin, password, sizeof password) || !quote(password, text, sizeof text) ||
	    !quote(argv[2], user, sizeof user)) {
		fputs("no password on standard input, or too long\n", stderr);
		return 1;
	}
	snprintf(body, sizeof body,
	         "{\"type\":\"m.login.password\",\"identifier\":{\"type\":\"m.id.user\",\"user\":%s},\"password\":%s}", user, text);
	if (ask(client, "POST", "/_matrix/client/v3/login", NULL, body, "access_token", token, sizeof token) != 0)
		return 1;

	if (!quote(argv[4], text, sizeof text))
		return 1;
	snprintf(body, sizeof body, "{\"msgtype\":\"m.text\",\"body\":%s}", text);
	/* The transaction id is 1 in each session of the account: login makes a new one. */
	snprintf(path, sizeof path, "/_matrix/client/v3/rooms/%s/send/m.room.message/1", argv[3]);
	if (ask(client, "PUT", path, token, body, "event_id", event_id, sizeof event_id) != 0)
		return 1;
	printf("sent %s\n", event_id);
	fflush(stdout);

	sync.path = "/_matrix/client/v3/sync";
	sync.token = token;
	error = coapgw_observe(client, &sync, heard, &listener, &observation, &why);
	if (error != COAPGW_OK)
		return failed("observe", error, why);
	pthread_mutex_lock(&listener.mutex);
	while (!listener.ended)
		pthread_cond_wait(&listener.changed, &listener.mutex);
	pthread_mutex_unlock(&listener.mutex);
	/* Whoever has enough before the end calls coapgw_unobserve. */
	return listener.error == COAPGW_ECANCELED ? 0 : failed("observe", listener.error, NULL);
}

int main(int argc, char **argv)
{
	coapgw_options options = COAPGW_OPTIONS_INIT;
	coapgw_client client;
	char pairing[4097], state[1024];
	char *why;
	FILE *file;
	int error, code;

	if (argc != 6) {
		fprintf(stderr, "usage: %s PAIRING-FILE USER ROOM TEXT LAST-WORD <PASSWORD\n", argv[0]);
		return 2;
	}
	file = fopen(argv[1], "r");
	code = read_line(file, pairing, sizeof pairing);
	if (file != NULL)
		fclose(file);
	if (!code) {
		fprintf(stderr, "%s: no pairing line\n", argv[1]);
		return 1;
	}
	snprintf(state, sizeof state, "%s.sessions", argv[1]);
	options.state_file = state;
	error = coapgw_open(pairing, &options, &client, &why);
	if (error != COAPGW_OK)
		return failed("open", error, why);
	code = talk(client, argv);
	error = coapgw_close(client, &why); /* after which no callback runs */
	if (error != COAPGW_OK)
		return failed("close", error, why);
	return code;
}
