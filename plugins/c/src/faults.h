/* Failures on request, in the ways of the lab's echo plugin (docs/echo-faults.md), so that the
   conformance suite can look at what a host makes of them. No plugin needs it for its work. */
#ifndef FAULTS_H
#define FAULTS_H

#include "call.h"

struct faults;

/* Reads the configuration's value, in the call's memory. */
struct faults *faults_parse(struct call *call, Text config);
/* Makes them outlive the call. */
struct faults *faults_keep(struct call *call, const struct faults *faults);
void faults_free(struct faults *faults);

/* Does what strikes a call of the method. True if the reply, or the stream, is made by that. */
bool faults_strike(struct call *call, const char *method, Text app);

#endif
