/* Sends standard input and prints the answer: echo METHOD PATH FORMAT [CONTENT-TYPE [MAX-BODY]]. */
#include "check.h"

int main(int argc, char **argv)
{
	static char body[1 << 20];
	coapgw_options options = COAPGW_OPTIONS_INIT;
	coapgw_request request = COAPGW_REQUEST_INIT;
	coapgw_response *response;
	coapgw_client client;
	char *why;
	int error;

	CHECK(argc >= 4 && argc <= 6);
	if (argc == 6)
		options.max_body = strtoul(argv[5], NULL, 10);
	client = open_client(&options);
	request.method = argv[1];
	request.path = argv[2];
	request.format = atoi(argv[3]);
	if (argc >= 5 && *argv[4] != 0)
		request.content_type = argv[4];
	request.body = body;
	request.body_size = fread(body, 1, sizeof body, stdin);
	error = coapgw_exchange(client, &request, &response, &why);
	if (error == COAPGW_OK) {
		CHECK(response->size == sizeof *response);
		CHECK(((const char *)response->body)[response->body_size] == 0);
		fprintf(stderr, "%d %d %s\n", response->status, response->format, response->content_type);
		CHECK(fwrite(response->body, 1, response->body_size, stdout) == response->body_size);
	} else {
		fprintf(stderr, "error %d %s\n", error, why);
		coapgw_string_free(why);
	}
	coapgw_response_free(response);
	CHECK(coapgw_close(client, NULL) == COAPGW_OK);
	return 0;
}
