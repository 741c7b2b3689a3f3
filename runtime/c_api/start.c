/* Starting Python on the first call, and what belongs to it. Part of libneuralnetworks.so's source, after
   NNAPI's header and the definitions NNHAL_INTERPRETER and NNHAL_PYTHON. */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NNHAL_EXPORTED __attribute__((visibility("default")))

/* Whether Python runs only because this library has started it. */
static int nnhal_started_python = 0;

/* Whether Python's side is there. */
static int nnhal_is_attached = 0;

static pthread_once_t nnhal_once = PTHREAD_ONCE_INIT;
static volatile int nnhal_is_ready = 0;

/* The process that has started Python; a forked child must not end what is its parent's. */
static pid_t nnhal_owner;

/* Whether this thread forks, and holds Python's lock for that. */
static __thread int nnhal_forks = 0;
static __thread PyGILState_STATE nnhal_forking_state;

/* Python forbids to fork while another thread of it is anywhere. It cares for its own forks, with the lock held. */
static void nnhal_before_fork(void) {
    nnhal_forks = !PyGILState_Check();
    if (nnhal_forks) {
        nnhal_forking_state = PyGILState_Ensure();
        PyOS_BeforeFork();
    }
}

static void nnhal_after_fork_in_parent(void) {
    if (nnhal_forks) {
        PyOS_AfterFork_Parent();
        PyGILState_Release(nnhal_forking_state);
    }
}

static void nnhal_after_fork_in_child(void) {
    if (nnhal_forks) {
        PyOS_AfterFork_Child();
        PyGILState_Release(nnhal_forking_state);
    }
}

/* Whether the program ends, and whether this is the thread that ends it. */
static volatile int nnhal_is_ending = 0;
static __thread int nnhal_ends_here = 0;

/* What Python does at its end, but for taking it down: other threads of the program may still be in it. */
static void nnhal_at_exit(void) {
    if (getpid() != nnhal_owner) return;
    nnhal_ends_here = nnhal_is_ending = 1;
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject* module = PyImport_ImportModule("runtime.c_api.library");
    PyObject* done = module ? PyObject_CallMethod(module, "end", NULL) : NULL;
    if (!done) PyErr_Print();
    Py_XDECREF(done);
    Py_XDECREF(module);
    PyGILState_Release(state);
}

/* Whether a function may still be called. Once the program ends, its other threads don't come back from here, so
   that they don't see how things go away; its last destructors are told that nothing works any more. */
static int nnhal_goes_on(void) {
    if (!nnhal_is_ending) return 1;
    while (!nnhal_ends_here) pause();
    return 0;
}

/* Start the interpreter that the library was built for, in its environment; the program keeps its signals. */
static int nnhal_start_python(void) {
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    config.parse_argv = 0;
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, NNHAL_INTERPRETER);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        fprintf(stderr, "nnhal: Python (%s) can't be started: %s\n", NNHAL_INTERPRETER,
                status.err_msg ? status.err_msg : "it has ended");
        return 0;
    }
    PyEval_SaveThread();
    nnhal_started_python = 1;
    nnhal_owner = getpid();
    return 1;
}

/* Have cffi run the library's first lines. Before Python 3.12 it takes a field of the type of capsules for a lock,
   which must be 0: Python's cache of attributes has its own number there once a program has used capsules. Nobody
   else can put one there while we hold Python's lock. */
static int nnhal_start_cffi(void) {
    PyGILState_STATE state = PyGILState_Ensure();
#if PY_VERSION_HEX < 0x030C0000
    PyType_Modified(&PyCapsule_Type);
    PyCapsule_Type.tp_version_tag = 0;
#endif
    int failed = cffi_start_python();
    PyGILState_Release(state);
    return failed == 0;
}

static void nnhal_start(void) {
    const char* version = Py_GetVersion();
    if (strncmp(version, NNHAL_PYTHON, strlen(NNHAL_PYTHON)) != 0) {
        fprintf(stderr,
                "nnhal: libneuralnetworks.so was built for Python %sx (%s), and this process runs Python %.*s; "
                "build it with that one: nnhal libneuralnetworks\n",
                NNHAL_PYTHON, NNHAL_INTERPRETER, (int)strcspn(version, " "), version);
        return;
    }
    struct sigaction interrupt; /* Python's module signal takes it even where Python is to leave signals alone */
    sigaction(SIGINT, NULL, &interrupt);
    if (!Py_IsInitialized() && !nnhal_start_python()) return;
    if (!nnhal_start_cffi() || !nnhal_is_attached) return; /* standard error has the reason */
    if (nnhal_started_python) {
        sigaction(SIGINT, &interrupt, NULL);
        /* After everything has been imported: what was loaded later would be taken down before. */
        atexit(nnhal_at_exit);
        pthread_atfork(nnhal_before_fork, nnhal_after_fork_in_parent, nnhal_after_fork_in_child);
    }
    nnhal_is_ready = 1;
}

static int nnhal_ready(void) {
    if (nnhal_is_ready) return nnhal_goes_on();
    /* Whoever waits for the start must not hold the lock that it needs. */
    PyThreadState* held = Py_IsInitialized() && PyGILState_Check() ? PyEval_SaveThread() : NULL;
    pthread_once(&nnhal_once, nnhal_start);
    if (held) PyEval_RestoreThread(held);
    return nnhal_is_ready;
}

/* Python ignores SIGPIPE, and so it may send to a driver that has died. A program that only uses this library keeps
   its own way with the signal: it is kept from this thread, and from those that are started meanwhile, for the time
   of the call. Returns whether the call can be made. */
static int nnhal_enter(sigset_t* signals) {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, signals);
    return nnhal_ready();
}

static void nnhal_leave(const sigset_t* signals) {
    const struct timespec now = {0, 0};
    sigset_t pipe;
    nnhal_goes_on();
    if (sigismember(signals, SIGPIPE)) return;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, signals, NULL);
}

/* A result code. A KeyboardInterrupt can't pass through C: it is raised again once Python has been returned to. */
static int nnhal_result(int code) {
    if (code >= 0) return code;
    PyErr_SetInterrupt();
    return ANEURALNETWORKS_OP_FAILED;
}
