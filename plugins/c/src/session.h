/* A session: its state, the nine RPCs, and the bound on calls at once. */
#ifndef SESSION_H
#define SESSION_H

#include "call.h"
#include "store.h"

#define PLUGIN_NAME "memory"
#define PLUGIN_VERSION "0.1.0"

struct session;
struct faults;

struct session *session_new(void);
void session_free(struct session *session);
struct store *session_store(struct session *session);
struct faults *session_faults(struct session *session);

/* Takes a call's place among those at once, and gives it back (P-LIMIT-2). */
void session_enter(struct call *call);
void session_leave(struct call *call);

/* Carries out the call that its host's struct asks for. */
void session_call(struct call *call);

void session_count_cancelled(struct session *session);
int session_cancelled(struct session *session);

#endif
