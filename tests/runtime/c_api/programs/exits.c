/* Ends while executions run and threads of the program are inside the library: exits CODE main|thread */

#include "client.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static int code;

static void* work(void* unused) {
    for (;;) add_once(1, 2);
    return unused;
}

static void* leave(void* unused) {
    exit(code);
    return unused;
}

int main(int argc, char** argv) {
    enum { COUNT = 1 << 20 };
    static float a[COUNT], b[COUNT], sum[COUNT];
    (void)argc;
    code = atoi(argv[1]);
    ANeuralNetworksModel* model = add_model(COUNT);
    ANeuralNetworksCompilation* compilation;
    OK(ANeuralNetworksCompilation_create(model, &compilation));
    OK(ANeuralNetworksCompilation_finish(compilation));
    ANeuralNetworksExecution* execution = add_execution(compilation, a, b, sum, COUNT);
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    usleep(100000);
    ANeuralNetworksEvent* event;
    OK(ANeuralNetworksExecution_startCompute(execution, &event));
    puts(getenv("NNHAL_RUNTIME_DIR"));
    fflush(stdout);
    if (strcmp(argv[2], "main") == 0) return code;
    pthread_create(&thread, NULL, leave, NULL);
    pthread_join(thread, NULL);
    return 99;
}
