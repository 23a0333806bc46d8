// The tables of mutants, and verify --mutants as a person calls it.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "kernels/device/properties.h"
#include "kernels/op.h"

namespace assay::suites {
namespace {

namespace fs = std::filesystem;

// What VERIFICATION asks for, and "equivalent": no bug.
const std::set<std::string> KINDS{
    "synchronisation", "race",  "determinism", "uninitialised", "bounds",       "tails",
    "strides",         "masks", "numerics",    "rounding",      "rope_pairing", "gqa_mapping",
    "kv_position",     "rng",   "shuffle",     "inputs",        "equivalent"};

struct Entry {
  std::string op;
  nlohmann::json fields;
  std::string text(const char* field) const { return fields.at(field).get<std::string>(); }
};

std::vector<Entry> entries() {
  std::vector<Entry> all;
  for (const fs::directory_entry& file : fs::directory_iterator(ASSAY_MUTANTS)) {
    if (file.path().extension() != ".json") continue;
    std::ifstream stream(file.path());
    const nlohmann::json table = nlohmann::json::parse(stream);
    EXPECT_EQ(table.at("op").get<std::string>() + ".json", file.path().filename().string());
    for (const nlohmann::json& fields : table.at("mutants"))
      all.push_back({table.at("op"), fields});
  }
  return all;
}

TEST(MutantTables, CoverEveryOpVersionAndKind) {
  std::map<std::string, int> of_version;
  std::set<std::string> kinds;
  std::size_t bugs = 0;
  for (const Entry& entry : entries()) {
    kinds.insert(entry.text("kind"));
    if (entry.text("kind") == "equivalent") continue;
    ++bugs;
    ++of_version[entry.op + "." + entry.text("version")];
  }
  EXPECT_GE(bugs, 40u);
  EXPECT_EQ(kinds, KINDS);
  std::size_t versions = 0;
  for (const OpNames& op : all_ops()) {
    for (const std::string& version : op.versions) {
      ++versions;
      EXPECT_GT(of_version[op.op + "." + version], 0)
          << op.op << " " << version << " has no mutant";
    }
  }
  EXPECT_EQ(of_version.size(), versions) << "a mutant of a version that does not exist";
}

TEST(MutantTables, EveryMutantIsNamedOnceAndDiffers) {
  std::set<std::string> ids;
  std::set<std::string> changes;
  for (const Entry& entry : entries()) {
    const std::string id = entry.op + "/" + entry.text("name");
    EXPECT_TRUE(ids.insert(id).second) << id << " is there twice";
    EXPECT_NE(entry.text("replace"), entry.text("by")) << id;
    EXPECT_TRUE(changes
                    .insert(entry.text("version") + entry.fields.value("header", "") + entry.op +
                            entry.text("replace") + "\n" + entry.text("by"))
                    .second)
        << id << " repeats another";
    EXPECT_EQ(entry.text("shows").back(), '.') << id << " says in a sentence what a user would see";
  }
}

struct Answer {
  int exit_code;
  std::string output;  // standard output and error
};

Answer verify(const std::string& flags) {
  Answer answer{-1, ""};
  FILE* pipe = ::popen((std::string(ASSAY_VERIFY) + " " + flags + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    answer.output.append(buffer.data(), n);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) answer.exit_code = WEXITSTATUS(status);
  return answer;
}

void expect_part(const Answer& answer, const std::string& part) {
  EXPECT_NE(answer.output.find(part), std::string::npos) << part << " is not in:\n"
                                                         << answer.output;
}

TEST(VerifyMutants, KillsOneAndSaysBy) {
  const Answer answer = verify("--mutants --set smoke --gtest_filter=mutant.rms_norm.missing_eps");
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  expect_part(answer, "killed by comparison in fp32/rows=3,width=128 after 1 case");
  expect_part(answer, "mutants: 1 of 1 killed");
}

TEST(VerifyMutants, EveryCheckKills) {
  const auto killed_by = [](const char* mutant) {
    const Answer answer = verify(std::string("--mutant ") + mutant);
    const std::size_t at = answer.output.find("killed by ");
    if (at == std::string::npos) return answer.output;
    return answer.output.substr(at + 10, answer.output.find(' ', at + 10) - at - 10);
  };
  EXPECT_EQ(killed_by("residual_add/residual_overwritten"), "guards");
  EXPECT_EQ(killed_by("quantize/scales_of_the_first_call"), "repeat");
  EXPECT_EQ(killed_by("rms_norm/order_by_row"), "batch_row");
  EXPECT_EQ(killed_by("residual_add/one_past_the_end"),
            properties().kind == DeviceKind::kEmulated ? "fault" : "guards");
}

TEST(VerifyMutants, ASurvivorFails) {
  const Answer answer = verify("--mutants --set smoke --mutant residual_add/addends_swapped");
  EXPECT_EQ(answer.exit_code, 1) << answer.output;
  expect_part(answer, "survived 6 cases");
  expect_part(answer, "SURVIVED: residual_add/addends_swapped");
  expect_part(answer, "mutants: 0 of 1 killed");
}

TEST(VerifyMutants, RefusesWhatItDoesNotKnow) {
  const Answer unknown = verify("--mutants --mutant no_such_bug");
  EXPECT_EQ(unknown.exit_code, 2);
  expect_part(unknown, "no mutant 'no_such_bug'");
  const Answer timed = verify("--mutants --set sweep");
  EXPECT_EQ(timed.exit_code, 2);
  expect_part(timed, "give smoke or ci");
}

}  // namespace
}  // namespace assay::suites
