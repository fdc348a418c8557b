// What Go calls in boundary.c.

#include "coapgw.h"

// malloc, which may return NULL; cgo's own ends the process instead.
void *coapgw_boundary_alloc(size_t size);

// The callbacks of a program. While one runs, its thread may not call what waits for it.
// user is a number in Go, which takes a pointer that is none for memory gone bad.
int coapgw_boundary_event(coapgw_event_fn event, uintptr_t user, const coapgw_event *e);
void coapgw_boundary_log(coapgw_log_fn log, uintptr_t user, int level, const char *line);
