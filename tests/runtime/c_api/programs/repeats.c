/* Makes, computes and frees TURNS models; prints its resident memory in KiB after each hundred. */

#include "client.h"

#include <string.h>

static long resident(void) {
    char line[256];
    long kilobytes = -1;
    FILE* status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status)) {
        if (strncmp(line, "VmRSS:", 6) == 0) kilobytes = atol(line + 6);
    }
    fclose(status);
    return kilobytes;
}

int main(int argc, char** argv) {
    (void)argc;
    for (int turn = 1; turn <= atoi(argv[1]); turn++) {
        add_once(turn, 1);
        if (turn % 100 == 0) printf("%ld\n", resident());
    }
    return 0;
}
