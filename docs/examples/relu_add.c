/* Lists the devices, then computes relu(a + b) + a with NNAPI's C functions, on the device that is named or on all.

       gcc relu_add.c -o relu_add -I"$(nnhal libneuralnetworks --header)" \
           -L"$(dirname "$(nnhal libneuralnetworks)")" -lneuralnetworks
       nnhal exec -- ./relu_add gpu
*/

#include <android/NeuralNetworks.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2, COLUMNS = 3, COUNT = ROWS * COLUMNS };

/* Ends the program where a call fails; the library has told why on standard error. */
static void check(int code, const char* call) {
    if (code == ANEURALNETWORKS_NO_ERROR) return;
    fprintf(stderr, "%s: result code %d\n", call, code);
    exit(EXIT_FAILURE);
}
#define CHECK(call) check(call, #call)

/* Prints every device; returns the one called `name`, or NULL where that is NULL. */
static ANeuralNetworksDevice* list_devices(const char* name) {
    ANeuralNetworksDevice* chosen = NULL;
    uint32_t count;
    CHECK(ANeuralNetworks_getDeviceCount(&count));
    for (uint32_t index = 0; index < count; index++) {
        ANeuralNetworksDevice* device;
        const char *device_name, *version;
        int32_t type;
        int64_t level;
        CHECK(ANeuralNetworks_getDevice(index, &device));
        CHECK(ANeuralNetworksDevice_getName(device, &device_name));
        CHECK(ANeuralNetworksDevice_getVersion(device, &version));
        CHECK(ANeuralNetworksDevice_getType(device, &type));
        CHECK(ANeuralNetworksDevice_getFeatureLevel(device, &level));
        printf("device %s: version %s, type %d, feature level %lld\n", device_name, version, type, (long long)level);
        if (name && strcmp(name, device_name) == 0) chosen = device;
    }
    if (name && !chosen) {
        fprintf(stderr, "there is no device %s\n", name);
        exit(EXIT_FAILURE);
    }
    return chosen;
}

/* relu(a + b) + a: operands 0 and 1 are a and b, 5 is the result. */
static ANeuralNetworksModel* build_model(void) {
    const uint32_t dimensions[] = {ROWS, COLUMNS};
    const ANeuralNetworksOperandType tensor = {ANEURALNETWORKS_TENSOR_FLOAT32, 2, dimensions, 0.0f, 0};
    const ANeuralNetworksOperandType scalar = {ANEURALNETWORKS_INT32, 0, NULL, 0.0f, 0};
    const int32_t relu = ANEURALNETWORKS_FUSED_RELU, none = ANEURALNETWORKS_FUSED_NONE;

    ANeuralNetworksModel* model;
    CHECK(ANeuralNetworksModel_create(&model));
    CHECK(ANeuralNetworksModel_addOperand(model, &tensor));
    CHECK(ANeuralNetworksModel_addOperand(model, &tensor));
    CHECK(ANeuralNetworksModel_addOperand(model, &scalar));
    CHECK(ANeuralNetworksModel_setOperandValue(model, 2, &relu, sizeof relu));
    CHECK(ANeuralNetworksModel_addOperand(model, &tensor));
    CHECK(ANeuralNetworksModel_addOperand(model, &scalar));
    CHECK(ANeuralNetworksModel_setOperandValue(model, 4, &none, sizeof none));
    CHECK(ANeuralNetworksModel_addOperand(model, &tensor));

    const uint32_t first_inputs[] = {0, 1, 2}, first_outputs[] = {3};
    CHECK(ANeuralNetworksModel_addOperation(model, ANEURALNETWORKS_ADD, 3, first_inputs, 1, first_outputs));
    const uint32_t second_inputs[] = {3, 0, 4}, second_outputs[] = {5};
    CHECK(ANeuralNetworksModel_addOperation(model, ANEURALNETWORKS_ADD, 3, second_inputs, 1, second_outputs));
    const uint32_t inputs[] = {0, 1}, outputs[] = {5};
    CHECK(ANeuralNetworksModel_identifyInputsAndOutputs(model, 2, inputs, 1, outputs));
    /* The GPU computes in float16, and takes float32 only from models that allow it. */
    CHECK(ANeuralNetworksModel_relaxComputationFloat32toFloat16(model, true));
    CHECK(ANeuralNetworksModel_finish(model));
    return model;
}

int main(int argc, char** argv) {
    ANeuralNetworksDevice* device = list_devices(argc > 1 ? argv[1] : NULL);
    ANeuralNetworksModel* model = build_model();

    ANeuralNetworksCompilation* compilation;
    if (device) {
        const ANeuralNetworksDevice* const devices[] = {device};
        CHECK(ANeuralNetworksCompilation_createForDevices(model, devices, 1, &compilation));
    } else {
        CHECK(ANeuralNetworksCompilation_create(model, &compilation));
    }
    CHECK(ANeuralNetworksCompilation_setPreference(compilation, ANEURALNETWORKS_PREFER_FAST_SINGLE_ANSWER));
    CHECK(ANeuralNetworksCompilation_finish(compilation));

    const float a[COUNT] = {1, -2, 3, -4, 5, -6}, b[COUNT] = {10, 10, 10, -10, -10, -10};
    float result[COUNT];
    ANeuralNetworksExecution* execution;
    CHECK(ANeuralNetworksExecution_create(compilation, &execution));
    CHECK(ANeuralNetworksExecution_setInput(execution, 0, NULL, a, sizeof a));
    CHECK(ANeuralNetworksExecution_setInput(execution, 1, NULL, b, sizeof b));
    CHECK(ANeuralNetworksExecution_setOutput(execution, 0, NULL, result, sizeof result));
    CHECK(ANeuralNetworksExecution_compute(execution));
    printf("result");
    for (int index = 0; index < COUNT; index++) printf(" %g", result[index]);
    printf("\n");

    ANeuralNetworksExecution_free(execution);
    ANeuralNetworksCompilation_free(compilation);
    ANeuralNetworksModel_free(model);
    return EXIT_SUCCESS;
}
