// The TorchScript backend "nnapi", for torch._C._jit_to_backend: PyTorch's wheels have the converter and the class that
// calls NNAPI, but no registration of them. What is processed is the converted module, saved; see backend.py.

#include <optional>
#include <sstream>

#include <torch/csrc/jit/backends/backend.h>
#include <torch/csrc/jit/backends/backend_preprocess.h>
#include <torch/csrc/jit/python/pybind_utils.h>
#include <torch/extension.h>
#include <torch/script.h>

namespace {

namespace jit = torch::jit;

class NnapiBackend : public jit::PyTorchBackendInterface {
 public:
  bool is_available() override {
    return true;
  }

  c10::impl::GenericDict compile(c10::IValue saved, c10::impl::GenericDict) override {
    c10::Dict<c10::IValue, c10::IValue> handles(c10::StringType::get(), c10::AnyType::get());
    handles.insert("forward", saved);
    return c10::impl::toGenericDict(handles);
  }

  // The first call has NNAPI compile the model: only then all sizes are known.
  c10::impl::GenericList execute(c10::IValue saved, c10::impl::GenericList inputs) override {
    if (!module_) {
      std::istringstream file(saved.toStringRef());
      module_ = jit::load(file);
    }
    auto result = module_->forward(std::vector<c10::IValue>(inputs.begin(), inputs.end()));
    c10::impl::GenericList outputs(c10::AnyType::get());
    if (result.isTuple()) {
      for (const auto& each : result.toTupleRef().elements()) {
        outputs.push_back(each);
      }
    } else {
      outputs.push_back(result);
    }
    return outputs;
  }

 private:
  std::optional<jit::Module> module_;
};

c10::IValue preprocess(
    const jit::Module& module,
    const c10::Dict<c10::IValue, c10::IValue>& specification,
    const jit::BackendDebugHandleGenerator&) {
  py::gil_scoped_acquire locked;
  auto convert = py::module_::import("tools.pytorch.backend").attr("converted");
  auto script = py::module_::import("torch.jit._recursive").attr("wrap_cpp_module")(module);
  py::bytes saved = convert(script, jit::toPyObject(c10::IValue(specification)));
  return std::string(saved);
}

const auto backend = jit::backend<NnapiBackend>("nnapi");
const auto preprocessing = jit::backend_preprocess_register("nnapi", preprocess);

} // namespace
