// Threads that all begin with the library's first call, and then compute side by side, on one compilation and on others.

#include "client.h"

#include <thread>
#include <vector>

static const int kThreads = 6, kTurns = 20;

int main() {
    std::vector<std::thread> threads;
    for (int number = 0; number < kThreads; number++) threads.emplace_back(add_once, float(number), 0.5f);
    for (std::thread& thread : threads) thread.join();
    threads.clear();

    const uint32_t count = 1000;
    ANeuralNetworksModel* model = add_model(count);
    ANeuralNetworksCompilation* compilation;
    OK(ANeuralNetworksCompilation_create(model, &compilation));
    OK(ANeuralNetworksCompilation_finish(compilation));
    for (int number = 0; number < kThreads; number++) {
        threads.emplace_back([=] {
            const std::vector<float> a(count, number), b(count, 0.25f);
            for (int turn = 0; turn < kTurns; turn++) {
                std::vector<float> sum(count, -1);
                ANeuralNetworksExecution* execution = add_execution(compilation, a.data(), b.data(), sum.data(), count);
                OK(ANeuralNetworksExecution_compute(execution));
                ANeuralNetworksExecution_free(execution);
                for (float each : sum) {
                    if (each != number + 0.25f) exit(2);
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    ANeuralNetworksCompilation_free(compilation);
    ANeuralNetworksModel_free(model);
    puts("done");
}
