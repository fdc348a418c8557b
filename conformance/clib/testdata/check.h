/* What the programs of this suite have in common. */
#ifndef CHECK_H
#define CHECK_H

#include <coapgw.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ends the program where something does not hold. */
#define CHECK(holds)                                                              \
	do {                                                                      \
		if (!(holds)) {                                                   \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
			exit(1);                                                  \
		}                                                                 \
	} while (0)

/* Opens a client by the pairing line in the environment. */
static inline coapgw_client open_client(const coapgw_options *options)
{
	coapgw_client client;
	char *why;
	int error = coapgw_open(getenv("PAIRING"), options, &client, &why);

	if (error != COAPGW_OK)
		fprintf(stderr, "%d: %s\n", error, why);
	CHECK(error == COAPGW_OK);
	CHECK(why == NULL);
	CHECK(client != 0);
	return client;
}

/* Makes a GET and returns its coapgw_error. */
static inline int get(coapgw_client client, const char *path)
{
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;
	int error;

	request.path = path;
	error = coapgw_exchange(client, &request, &response, NULL);
	CHECK((response != NULL) == (error == COAPGW_OK));
	coapgw_response_free(response);
	return error;
}

/* Prints a line at once. */
static inline void say(const char *line)
{
	puts(line);
	fflush(stdout);
}

/* Waits for a line of standard input. */
static inline void wait_line(void)
{
	char line[64];

	CHECK(fgets(line, sizeof line, stdin) != NULL);
}

#endif
