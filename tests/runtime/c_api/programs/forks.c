/* Forks after it has used the library, and while another thread does; parent and child both go on with it. */

#include "client.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int is_over = 0;

static void* work(void* unused) {
    while (!is_over) add_once(3, 4);
    return unused;
}

int main(void) {
    add_once(1, 2);
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pid_t child = fork();
    if (child == 0) {
        add_once(5, 6);
        puts("child");
        exit(7);
    }
    int status;
    waitpid(child, &status, 0);
    add_once(7, 8);
    is_over = 1;
    pthread_join(thread, NULL);
    printf("parent of one that gave %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    return 0;
}
