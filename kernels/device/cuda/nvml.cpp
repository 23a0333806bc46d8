// NVML comes with the driver, its header and stub with some toolkits only. So the few entry points
// that we need are declared here, after NVIDIA's NVML API reference, and looked up at run time.
#include "kernels/device/cuda/nvml.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <array>
#include <utility>

#include "kernels/device/conditions.h"
#include "kernels/device/properties.h"

namespace assay {
namespace {

using Handle = void*;
constexpr int SUCCESS = 0;
constexpr int CLOCK_SM = 1;
constexpr int CLOCK_MEM = 2;
constexpr int SENSOR_GPU = 0;

// The functions of the library, or null where the library or one of them is not there.
class Nvml {
 public:
  static const Nvml& instance() {
    static const Nvml nvml;
    return nvml;
  }

  bool ready() const { return device_ != nullptr; }
  Handle device() const { return device_; }

  int (*clock)(Handle, int, unsigned*) = nullptr;
  int (*temperature)(Handle, int, unsigned*) = nullptr;
  int (*power)(Handle, unsigned*) = nullptr;
  int (*throttle_reasons)(Handle, unsigned long long*) = nullptr;
  int (*driver)(char*, unsigned) = nullptr;
  int (*energy)(Handle, unsigned long long*) = nullptr;  // from Volta on; else null

 private:
  Nvml() {
    library_ = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) return;
    int (*initialise)() = nullptr;
    int (*find)(const char*, Handle*) = nullptr;
    const bool complete =
        load(initialise, "nvmlInit_v2") && load(find, "nvmlDeviceGetHandleByPciBusId_v2") &&
        load(clock, "nvmlDeviceGetClockInfo") && load(temperature, "nvmlDeviceGetTemperature") &&
        load(power, "nvmlDeviceGetPowerUsage") &&
        load(throttle_reasons, "nvmlDeviceGetCurrentClocksThrottleReasons") &&
        load(driver, "nvmlSystemGetDriverVersion");
    load(energy, "nvmlDeviceGetTotalEnergyConsumption");
    std::array<char, 32> bus_id{};
    if (!complete || initialise() != SUCCESS ||
        cudaDeviceGetPCIBusId(bus_id.data(), static_cast<int>(bus_id.size()), 0) != cudaSuccess ||
        find(bus_id.data(), &device_) != SUCCESS) {
      device_ = nullptr;
    }
  }

  template <class F>
  bool load(F& function, const char* name) const {
    function = reinterpret_cast<F>(dlsym(library_, name));
    return function != nullptr;
  }

  void* library_ = nullptr;  // stays loaded: NVML is used until the process ends
  Handle device_ = nullptr;
};

std::string reasons_in_words(unsigned long long mask) {
  // Bits of nvmlClocksThrottleReasons; an idle GPU's lowered clocks are no throttling.
  constexpr std::pair<unsigned long long, const char*> REASONS[] = {
      {0x02, "applications_clocks"}, {0x04, "power_cap"},       {0x08, "hw_slowdown"},
      {0x10, "sync_boost"},          {0x20, "sw_thermal"},      {0x40, "hw_thermal"},
      {0x80, "hw_power_brake"},      {0x100, "display_clocks"},
  };
  std::string text;
  for (const auto& [bit, name] : REASONS) {
    if ((mask & bit) != 0) text += (text.empty() ? "" : " ") + std::string(name);
  }
  return text.empty() ? "none" : text;
}

}  // namespace

std::string cuda::driver_version() {
  const Nvml& nvml = Nvml::instance();
  std::array<char, 96> text{};
  if (!nvml.ready() || nvml.driver(text.data(), static_cast<unsigned>(text.size())) != SUCCESS) {
    return "";
  }
  return text.data();
}

Conditions read_conditions() {
  const Nvml& nvml = Nvml::instance();
  Conditions now;
  if (!nvml.ready()) return now;
  unsigned value = 0;
  if (nvml.clock(nvml.device(), CLOCK_SM, &value) == SUCCESS) now.sm_mhz = static_cast<int>(value);
  if (nvml.clock(nvml.device(), CLOCK_MEM, &value) == SUCCESS)
    now.mem_mhz = static_cast<int>(value);
  if (nvml.temperature(nvml.device(), SENSOR_GPU, &value) == SUCCESS) {
    now.temp_c = static_cast<int>(value);
  }
  if (nvml.power(nvml.device(), &value) == SUCCESS) now.power_w = value * 1e-3;
  now.throttle = read_throttle();
  return now;
}

std::string read_throttle() {
  const Nvml& nvml = Nvml::instance();
  unsigned long long reasons = 0;
  if (!nvml.ready() || nvml.throttle_reasons(nvml.device(), &reasons) != SUCCESS) return "";
  return reasons_in_words(reasons);
}

std::optional<double> read_energy_j() {
  const Nvml& nvml = Nvml::instance();
  unsigned long long millijoules = 0;
  if (!nvml.ready() || nvml.energy == nullptr ||
      nvml.energy(nvml.device(), &millijoules) != SUCCESS) {
    return std::nullopt;
  }
  return static_cast<double>(millijoules) * 1e-3;
}

}  // namespace assay
