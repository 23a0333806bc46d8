#include "suites/repro.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/files.h"
#include "kernels/device/error.h"
#include "suites/build_info.h"
#include "suites/divergence.h"
#include "suites/tensor_file.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int FORMAT = 1;
const char* const EXPECTED = "expected.safetensors";
const char* const FOUND = "found.safetensors";

// FNV-1a of a file's bytes, in hex: a folder that was edited or cut short is refused.
std::string checksum(const fs::path& path) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : read_text_file(path)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  return fmt::format("{:016x}", hash);
}

std::string folder_name(std::string test) {
  for (char& c : test) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  return test;
}

// The files of a checkpoint that the engine and the reference read.
std::vector<fs::path> checkpoint_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name == "config.json" || name == "generation_config.json" ||
        name == "model.safetensors.index.json" || name.ends_with(".safetensors")) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

void write_text(const fs::path& path, const std::string& text) {
  OutputFile out(path);
  out.write(text);
  out.commit();
}

// "accumulated.exact/0/layer.1.attention.qkv": of the reference, by stretch.
struct Part {
  const char* name;
  Answer TapTruth::*answer;
  std::vector<double> Answer::*values;
  bool as_float;
};
constexpr Part PARTS[] = {
    {"accumulated.exact", &TapTruth::accumulated, &Answer::exact, false},
    {"accumulated.same_dtype", &TapTruth::accumulated, &Answer::same_dtype, true},
    {"local.exact", &TapTruth::local, &Answer::exact, false},
    {"local.same_dtype", &TapTruth::local, &Answer::same_dtype, true},
};
std::string tensor_name(const Part& part, std::size_t stretch, const std::string& tap) {
  return fmt::format("{}/{}/{}", part.name, stretch, tap);
}

void write_expected(const fs::path& path, const Truths& truths) {
  std::vector<NamedDoubles> tensors;
  for (std::size_t s = 0; s < truths.stretches.size(); ++s) {
    for (const TapTruth& tap : truths.stretches[s]) {
      for (const Part& part : PARTS) {
        const Answer& answer = tap.*part.answer;
        tensors.push_back(
            {tensor_name(part, s, tap.name), answer.shape, &(answer.*part.values), part.as_float});
      }
    }
  }
  write_tensors(path, tensors, {});
}

void write_found(const fs::path& path, const Trace& trace) {
  std::vector<NamedTensor> tensors;
  const TapTrace* first = trace.first();
  for (const TapTrace& tap : trace.taps) {
    if (first != nullptr && tap.step != first->step) continue;
    tensors.push_back({"accumulated/" + tap.name, &tap.found});
    if (!tap.found_local.bytes.empty()) tensors.push_back({"local/" + tap.name, &tap.found_local});
    if (&tap == first) break;
  }
  write_tensors(path, {}, tensors);
}

json steps_json(const Script& script) {
  json steps = json::array();
  for (const StepInput& step : script.steps) {
    steps.push_back(
        {{"ids", step.ids}, {"past_lens", step.past_lens}, {"rope_length", step.rope_length}});
  }
  return steps;
}

std::string readme(const Origin& origin, const Script& script, const Trace& trace) {
  return fmt::format(
      "# {}\n\n"
      "    verify --replay .\n\n"
      "runs this forward pass again and compares it with the truth stored here: exit code 1 while "
      "a\n"
      "tap is out of bound, 0 once none is. The test itself:\n\n    {}\n\n"
      "Model {}, {}, kernel set {}; {} steps. `expected.safetensors` has the reference's taps by\n"
      "stretch of tokens, `found.safetensors` the engine's for the step that failed, flat, "
      "sequence\n"
      "after sequence; the inputs of an op are the taps before it.\n\n```\n{}```\n",
      origin.test, origin.command, origin.model, name_of(script.dtype), script.kernels,
      script.steps.size(), describe_divergence(trace));
}

DType parse_stored_dtype(const std::string& name) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    if (name == name_of(dtype)) return dtype;
  }
  throw InputError("dtype '" + name + "' is none of fp32, fp16, bf16");
}

Script read_script(const json& manifest) {
  Script script;
  script.dtype = parse_stored_dtype(manifest.at("dtype").get<std::string>());
  script.kernels = manifest.at("kernels").get<std::string>();
  script.max_batch = manifest.at("max_batch").get<int>();
  script.rows = manifest.at("all_rows").get<bool>() ? LogitRows::kAll : LogitRows::kLast;
  if (!manifest.at("cache_fill").is_null()) script.cache_fill = manifest["cache_fill"].get<int>();
  for (const json& step : manifest.at("steps")) {
    script.steps.push_back({step.at("ids").get<std::vector<std::vector<int>>>(),
                            step.at("past_lens").get<std::vector<int>>(),
                            step.at("rope_length").get<int>()});
  }
  if (script.steps.empty()) throw InputError("there are no steps");
  return script;
}

Truths read_expected(const fs::path& path, const json& manifest, std::size_t stretches) {
  const TensorFile file(path);
  Truths truths;
  truths.layers = manifest.at("layers").get<int>();
  truths.longest_sum = manifest.at("longest_sum").get<int>();
  if (truths.layers < 1 || truths.longest_sum < 1 || manifest.at("taps").empty())
    throw InputError("layers and longest_sum must be above 0, and there must be taps");
  for (std::size_t s = 0; s < stretches; ++s) {
    std::vector<TapTruth>& taps = truths.stretches.emplace_back();
    for (const json& name : manifest.at("taps")) {
      TapTruth& tap = taps.emplace_back();
      tap.name = name.get<std::string>();
      for (const Part& part : PARTS) {
        Answer& answer = tap.*part.answer;
        answer.*part.values = file.doubles(tensor_name(part, s, tap.name), &answer.shape);
      }
    }
  }
  return truths;
}

void check_files(const fs::path& folder, const json& manifest) {
  const json& files = manifest.at("files");
  for (const char* needed : {EXPECTED, FOUND}) {
    if (!files.is_object() || !files.contains(needed)) {
      throw InputError(fmt::format("{}: lists no {}: the folder is damaged",
                                   (folder / "manifest.json").string(), needed));
    }
  }
  for (const auto& [name, stored] : manifest.at("files").items()) {
    const fs::path path = folder / name;
    std::error_code failed;
    const std::uintmax_t bytes = fs::file_size(path, failed);
    if (failed)
      throw InputError(fmt::format("{}: cannot be read: {}", path.string(), failed.message()));
    if (bytes != stored.at("bytes").get<std::uintmax_t>()) {
      throw InputError(fmt::format("{}: expected {} bytes, found {}: the folder is damaged",
                                   path.string(), stored["bytes"].get<std::uintmax_t>(), bytes));
    }
    if (checksum(path) != stored.at("fnv1a").get<std::string>()) {
      throw InputError(
          fmt::format("{}: its contents are not what was written: the folder is "
                      "damaged",
                      path.string()));
    }
  }
}

bool is_reproduction(const fs::path& folder) {
  try {
    const json manifest = read_json_object(folder / "manifest.json");
    return manifest.at("format") == FORMAT && manifest.at("files").contains(EXPECTED);
  } catch (const InputError&) {
    return false;
  } catch (const json::exception&) {
    return false;
  }
}

void require_replaceable(const fs::path& folder) {
  if (!fs::exists(folder) || fs::is_empty(folder) || is_reproduction(folder)) return;
  throw InputError(
      fmt::format("{}: a reproduction belongs there, and what is there is none: it would be lost; "
                  "move it away or name another folder with --repro",
                  folder.string()));
}

}  // namespace

fs::path write_reproduction(const fs::path& base, const Origin& origin, const Script& script,
                            const Truths& truths, const Trace& trace) {
  const fs::path folder = base / folder_name(origin.test);
  fs::path partial = folder;
  partial += fmt::format(".partial-{}", ::getpid());
  try {
    require_replaceable(folder);
    fs::remove_all(partial);
    fs::create_directories(partial);

    const std::vector<fs::path> weights = checkpoint_files(origin.checkpoint);
    std::uintmax_t bytes = 0;
    for (const fs::path& file : weights) bytes += fs::file_size(file);
    const bool copied = bytes <= MOST_COPIED_BYTES;
    std::vector<std::string> files{EXPECTED, FOUND};
    if (copied) {
      fs::create_directories(partial / "model");
      for (const fs::path& file : weights) {
        files.push_back("model/" + file.filename().string());
        fs::copy_file(file, partial / files.back());
      }
    }
    write_expected(partial / EXPECTED, truths);
    write_found(partial / FOUND, trace);

    json manifest = {{"format", FORMAT},
                     {"test", origin.test},
                     {"command", origin.command},
                     {"seed", origin.seed},
                     {"commit", build_info().commit},
                     {"dirty", build_info().dirty},
                     {"device", name_of(properties().kind)},
                     {"device_name", properties().name},
                     {"model",
                      {{"name", origin.model},
                       {"folder", copied ? "model" : fs::absolute(origin.checkpoint).string()}}},
                     {"dtype", name_of(script.dtype)},
                     {"kernels", script.kernels},
                     {"max_batch", script.max_batch},
                     {"all_rows", script.rows == LogitRows::kAll},
                     {"cache_fill", nullptr},
                     {"steps", steps_json(script)},
                     {"layers", truths.layers},
                     {"longest_sum", truths.longest_sum},
                     {"taps", json::array()},
                     {"first", nullptr},
                     {"files", json::object()}};
    if (script.cache_fill) manifest["cache_fill"] = *script.cache_fill;
    for (const TapTruth& tap : truths.stretches.at(0)) manifest["taps"].push_back(tap.name);
    if (const TapTrace* first = trace.first()) {
      manifest["first"] = {{"tap", first->name},
                           {"step", first->step},
                           {"made_by", names_of(first->launched)},
                           {"accumulated", first->accumulated.describe()},
                           {"local", first->local.describe()}};
    }
    for (const std::string& name : files) {
      manifest["files"][name] = {{"bytes", fs::file_size(partial / name)},
                                 {"fnv1a", checksum(partial / name)}};
    }
    write_text(partial / "README.md", readme(origin, script, trace));
    write_text(partial / "manifest.json", manifest.dump(1) + "\n");
    fs::remove_all(folder);
    fs::rename(partial, folder);
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    throw InputError(fmt::format("{}: the reproduction cannot be written: {}", folder.string(),
                                 error.code().message()));
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(partial, ignored);
    throw;
  }
  return folder;
}

Reproduction read_reproduction(const fs::path& folder) {
  const fs::path path = folder / "manifest.json";
  const json manifest = read_json_object(path);
  try {
    if (manifest.at("format").get<int>() != FORMAT) {
      throw InputError(
          fmt::format("format {}; this program reads {}", manifest["format"].dump(), FORMAT));
    }
    check_files(folder, manifest);
    Reproduction r;
    r.origin.test = manifest.at("test").get<std::string>();
    r.origin.command = manifest.at("command").get<std::string>();
    r.origin.seed = manifest.at("seed").get<std::uint64_t>();
    r.origin.model = manifest.at("model").at("name").get<std::string>();
    r.origin.checkpoint = folder / manifest["model"].at("folder").get<std::string>();
    r.device = manifest.at("device").get<std::string>();
    r.script = read_script(manifest);
    r.truths = read_expected(folder / EXPECTED, manifest, layout_of(r.script).stretches.size());
    const json& first = manifest.at("first");
    if (!first.is_null()) {
      r.first_tap = first.at("tap").get<std::string>();
      r.first_step = first.at("step").get<std::size_t>();
    }
    return r;
  } catch (const json::exception& error) {
    throw InputError(
        fmt::format("{}: not a manifest of a reproduction: {}", path.string(), error.what()));
  } catch (const InputError& error) {
    const std::string message = error.what();
    if (message.starts_with(folder.string())) throw;
    throw InputError(fmt::format("{}: {}", path.string(), message));
  }
}

int replay(const fs::path& folder) {
  const Reproduction r = read_reproduction(folder);
  set_schedule_seed(r.origin.seed);
  std::printf("%s, model %s, %s, kernel set %s, %zu steps\n", r.origin.test.c_str(),
              r.origin.model.c_str(), std::string(name_of(r.script.dtype)).c_str(),
              r.script.kernels.c_str(), r.script.steps.size());
  if (r.device != name_of(properties().kind)) {
    std::printf("it failed on the %s device, this is the %s one\n", r.device.c_str(),
                name_of(properties().kind));
  }
  const Checkpoint weights(r.origin.checkpoint);
  const Trace trace = run_trace(r.script, weights, r.truths, {}, [](const Trace& so_far) {
    std::printf("%s\n", so_far.problem.c_str());
    std::fflush(stdout);
  });
  if (trace.stopped) return 1;
  const TapTrace* first = trace.first();
  if (first == nullptr && trace.problem.empty()) {
    std::printf("every tap is within its bounds now%s\n",
                r.first_tap.empty() ? "" : ("; it was " + r.first_tap + " that left them").c_str());
    return 0;
  }
  std::printf("%s", describe_divergence(trace).c_str());
  const bool same = first != nullptr && first->name == r.first_tap && first->step == r.first_step;
  std::printf("%s\n", same ? "it fails still, where it did" : "it fails, elsewhere than it did");
  return 1;
}

}  // namespace assay::suites
