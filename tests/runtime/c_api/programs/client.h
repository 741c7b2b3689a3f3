/* What the programs of the tests share: a call that must succeed, and the model `output = a + b`. */

#include <android/NeuralNetworks.h>
#include <stdio.h>
#include <stdlib.h>

#define OK(call)                                              \
    do {                                                      \
        int code_ = (call);                                   \
        if (code_ != ANEURALNETWORKS_NO_ERROR) {              \
            fprintf(stderr, "%s: result %d\n", #call, code_); \
            exit(1);                                          \
        }                                                     \
    } while (0)

static ANeuralNetworksModel* add_model(uint32_t count) {
    const ANeuralNetworksOperandType tensor = {ANEURALNETWORKS_TENSOR_FLOAT32, 1, &count, 0.0f, 0};
    const ANeuralNetworksOperandType scalar = {ANEURALNETWORKS_INT32, 0, NULL, 0.0f, 0};
    const int32_t none = ANEURALNETWORKS_FUSED_NONE;
    const uint32_t inputs[] = {0, 1, 2}, outputs[] = {3};
    ANeuralNetworksModel* model;
    OK(ANeuralNetworksModel_create(&model));
    OK(ANeuralNetworksModel_addOperand(model, &tensor));
    OK(ANeuralNetworksModel_addOperand(model, &tensor));
    OK(ANeuralNetworksModel_addOperand(model, &scalar));
    OK(ANeuralNetworksModel_addOperand(model, &tensor));
    OK(ANeuralNetworksModel_setOperandValue(model, 2, &none, sizeof none));
    OK(ANeuralNetworksModel_addOperation(model, ANEURALNETWORKS_ADD, 3, inputs, 1, outputs));
    OK(ANeuralNetworksModel_identifyInputsAndOutputs(model, 2, inputs, 1, outputs));
    OK(ANeuralNetworksModel_finish(model));
    return model;
}

/* An execution of a compilation of that model. */
static ANeuralNetworksExecution* add_execution(ANeuralNetworksCompilation* compilation, const float* a, const float* b,
                                               float* output, uint32_t count) {
    ANeuralNetworksExecution* execution;
    OK(ANeuralNetworksExecution_create(compilation, &execution));
    OK(ANeuralNetworksExecution_setInput(execution, 0, NULL, a, count * sizeof *a));
    OK(ANeuralNetworksExecution_setInput(execution, 1, NULL, b, count * sizeof *b));
    OK(ANeuralNetworksExecution_setOutput(execution, 0, NULL, output, count * sizeof *output));
    return execution;
}

/* Builds, compiles, computes once and frees. */
static void add_once(float a, float b) {
    float sum = -1;
    ANeuralNetworksModel* model = add_model(1);
    ANeuralNetworksCompilation* compilation;
    OK(ANeuralNetworksCompilation_create(model, &compilation));
    OK(ANeuralNetworksCompilation_finish(compilation));
    ANeuralNetworksExecution* execution = add_execution(compilation, &a, &b, &sum, 1);
    OK(ANeuralNetworksExecution_compute(execution));
    ANeuralNetworksExecution_free(execution);
    ANeuralNetworksCompilation_free(compilation);
    ANeuralNetworksModel_free(model);
    if (sum != a + b) {
        fprintf(stderr, "%g + %g gave %g\n", (double)a, (double)b, (double)sum);
        exit(1);
    }
}
