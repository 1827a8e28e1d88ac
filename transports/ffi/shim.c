/*
 * The functions that the library of a Python plugin exports, in front of those that
 * transports/ffi/plugin.py defines (python_...). build.py compiles this file with what cffi emits.
 *
 * Three things cannot be done in Python: to start the interpreter where the host is no Python
 * program, to refuse one of another version, and to hand an interrupt on to the host once the
 * plugin's code has been left.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Says which inputs the library was built from; build.py looks for it in the file. */
__attribute__((used)) static const char build_mark[] = CRONIX_BUILD_MARK;

/* What plugin.py returns when KeyboardInterrupt has ended its code; not a code of backend.h. */
#define INTERRUPTED (-2)

static intptr_t python_start(void);
static const char *python_handshake(void);
static void python_stop(intptr_t session);
static int32_t python_call(cronix_call *call);
static int32_t python_next(cronix_call *call);
static int32_t python_release(cronix_call *call);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int ready = 0;

/* Python's extension modules look for its functions among those that are visible to all, where a
   host that has loaded this library for itself alone does not put them. */
static void show_python_to_all(void) {
    Dl_info python;

    if (dladdr((void *)Py_GetVersion, &python))
        dlopen(python.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

/* Start the interpreter of the environment that the library was built in. 0 if that fails. */
static int start_interpreter(void) {
    PyConfig config;
    PyStatus status;

    show_python_to_all();
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0; /* P-FFI-7 */
    config.parse_argv = 0;
    status = PyConfig_SetBytesString(&config, &config.program_name, CRONIX_PYTHON);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "Python does not start: %s\n", status.err_msg ? status.err_msg : "exit");
        return 0;
    }
    PyEval_SaveThread();
    return 1;
}

/* The interpreter's version as far as it must agree; defined from outside only to test that. */
#ifndef WANTED_PYTHON
#define WANTED_PYTHON Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION) "."
#endif

static void initialize(void) {
    static const char wanted[] = WANTED_PYTHON;

    if (strncmp(Py_GetVersion(), wanted, sizeof wanted - 1) != 0) {
        fprintf(stderr, "the plugin is built for Python %s*, the host runs %s\n", wanted,
                Py_GetVersion());
        return;
    }
    if (Py_IsInitialized() || start_interpreter()) ready = cffi_start_python() == 0;
}

static int32_t leave(int32_t code) {
    if (code != INTERRUPTED) return code;
    PyErr_SetInterrupt(); /* needs no GIL; the host's Python raises it at its next step */
    return CRONIX_CANCELLED;
}

const char *cronix_plugin_handshake(void) {
    pthread_once(&once, initialize);
    return ready ? python_handshake() : NULL;
}

void *cronix_plugin_start(void) {
    intptr_t session = ready ? python_start() : 0;
    return session > 0 ? (void *)session : NULL;
}

void cronix_plugin_stop(void *session) {
    if (ready) python_stop((intptr_t)session);
}

int32_t cronix_plugin_call(cronix_call *call) {
    return ready ? leave(python_call(call)) : CRONIX_INTERNAL;
}

int32_t cronix_plugin_next(cronix_call *call) {
    return ready ? leave(python_next(call)) : CRONIX_INTERNAL;
}

void cronix_plugin_release(cronix_call *call) {
    if (ready) leave(python_release(call));
}
