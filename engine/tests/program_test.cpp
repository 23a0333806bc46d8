// The program as a user meets it: exit codes, messages, and what is left on disk.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/files.h"
#include "engine/random_weights.h"
#include "engine/tests/expect_error.h"
#include "engine/tests/temporary_folder.h"
#include "engine/tests/tiny_model.h"
#include "engine/tests/tiny_tokenizer.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

class Program : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::TemporaryFolder;
    testing::train_tokenizer(folder_->path() / "model", 320);
    ModelConfig config = testing::tiny_config();
    config.vocab_size = 320;
    write_checkpoint(folder_->path() / "model", RandomWeights(config, 3), 0);
  }
  static void TearDownTestSuite() { delete folder_; }

  struct Outcome {
    int exit_code;
    std::string out;
    std::string err;
  };
  /// `before`: what the shell does first.
  Outcome run(const std::string& arguments, const std::string& before = "") const {
    const std::string command = before + std::string(ASSAY_LLAMA2) + " " + arguments + " > " +
                                (scratch_ / "out").string() + " 2> " + (scratch_ / "err").string();
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text_file(scratch_ / "out"),
            read_text_file(scratch_ / "err")};
  }
  /// Runs with a standard output of the shell's making: "> /dev/full".
  Outcome run_into(const std::string& output, const std::string& arguments) const {
    const std::string command = std::string(ASSAY_LLAMA2) + " " + arguments + " " + output +
                                " 2> " + (scratch_ / "err").string();
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, "", read_text_file(scratch_ / "err")};
  }
  Outcome generate(const std::string& arguments) const {
    return run("generate --model " + (*folder_ / "model").string() + " " + arguments);
  }
  void expect_refused(const Outcome& outcome, std::initializer_list<std::string> parts) const {
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    testing::expect_parts(outcome.err, parts);
  }

  static testing::TemporaryFolder* folder_;
  testing::TemporaryFolder scratch_;
};
testing::TemporaryFolder* Program::folder_ = nullptr;

TEST_F(Program, GeneratesText) {
  const Outcome outcome = generate("--prompt 'the fox' --max-tokens 4 --ignore-eos --stats");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.rfind("the fox", 0), 0U) << outcome.out;
  testing::expect_parts(outcome.err, {"prefill", "decode 3 tokens", "forecast"});
}

TEST_F(Program, GeneratesABatchOfPrompts) {
  const fs::path prompts = scratch_ / "prompts.jsonl";
  const fs::path output = scratch_ / "results.jsonl";
  testing::write_file(prompts,
                      "{\"prompt\": \"the fox\", \"id\": \"a\", \"top_logprobs\": 2}\n"
                      "{\"prompt_ids\": [1, 300, 301]}\n{\"prompt\": \"river\"}\n");
  const Outcome outcome = generate("--prompts " + prompts.string() + " --output " +
                                   output.string() + " --max-tokens 3 --batch 2 --progress");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  testing::expect_parts(outcome.err, {"3 of 3 prompts"});
  std::istringstream lines(read_text_file(output));
  std::vector<nlohmann::json> results;
  for (std::string line; std::getline(lines, line);) {
    results.push_back(nlohmann::json::parse(line));
  }
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0]["id"], "a");
  EXPECT_EQ(results[0]["top_logprobs"].size(), results[0]["token_ids"].size());
  EXPECT_EQ(results[1]["id"], "2");
  EXPECT_EQ(results[1]["prompt_tokens"], 3);
}

TEST_F(Program, BadInputExitsWithTwo) {
  const fs::path output = scratch_ / "results.jsonl";
  const std::string write = " --output " + output.string();
  testing::write_file(scratch_ / "empty.jsonl", "");
  expect_refused(run("generate --model " + (scratch_ / "none").string() + " --prompt x" + write),
                 {"none", "found nothing"});
  expect_refused(generate("--prompts " + (scratch_ / "empty.jsonl").string() + write),
                 {"empty.jsonl", "found no line"});
  expect_refused(generate("--prompts " + (scratch_ / "none.jsonl").string() + write),
                 {"none.jsonl", "cannot be read"});
  expect_refused(generate("--prompt x --kernels rms_norm=v99_magic" + write),
                 {"rms_norm", "v99_magic"});
  expect_refused(generate("--prompt x --kernels no_such_op=v1" + write), {"no_such_op"});
  expect_refused(generate("--prompt x --output " + (scratch_ / "none/out").string()),
                 {"none/out", "cannot be written"});
  expect_refused(generate("--prompt '" + std::string(200, 'x') + "'" + write),
                 {"at most 32 tokens", "found"});
  expect_refused(generate("--prompt-ids 1,999" + write), {"vocabulary", "found 999"});
  expect_refused(generate("--prompt x --dtype fp8" + write), {"fp8"});
  expect_refused(generate("--prompt x --temperature -1" + write), {"temperature"});
  expect_refused(generate("--prompt x --max-seq 64" + write), {"sequence length"});
  EXPECT_EQ(generate("--prompt x --no-such-flag").exit_code, 2);
  EXPECT_FALSE(fs::exists(output));
  for (const auto& entry : fs::directory_iterator(scratch_.path())) {
    EXPECT_EQ(entry.path().string().find("partial"), std::string::npos) << entry.path();
  }
}

TEST_F(Program, TruncatedCheckpointExitsWithTwo) {
  fs::copy(*folder_ / "model", scratch_ / "model");
  fs::resize_file(scratch_ / "model/model.safetensors", 5000);
  expect_refused(run("generate --prompt x --model " + (scratch_ / "model").string()),
                 {"model.safetensors", "2904 bytes", "truncated"});
}

TEST_F(Program, OtherTokenizerExitsWithTwo) {
  fs::copy(*folder_ / "model", scratch_ / "model");
  testing::train_tokenizer(scratch_ / "model", 330);
  expect_refused(run("generate --prompt x --model " + (scratch_ / "model").string()),
                 {"tokenizer.model", "320", "found 330"});
}

TEST_F(Program, MakesAndInspectsRandomModels) {
  const std::string model = (scratch_ / "random").string();
  EXPECT_EQ(run("make-random --output " + model + " --preset tiny --kv-heads 1").exit_code, 0);
  expect_refused(run("make-random --output " + model), {"config.json"});
  expect_refused(run("make-random --preset 8b --output " + model + "2"), {"8b", "7b"});
  expect_refused(run("make-random --heads 3 --output " + model + "2"), {"head"});
  const Outcome inspect = run("inspect --tensors --model " + model);
  EXPECT_EQ(inspect.exit_code, 0) << inspect.err;
  testing::expect_parts(inspect.out, {"num_key_value_heads (G)   1", "lm_head.weight", "arena",
                                      "attention.scores", "weights"});
  EXPECT_EQ(run("generate --prompt-ids 1,2,3 --max-tokens 2 --model " + model).exit_code, 0);
  EXPECT_EQ(run("generate --prompt-ids 1,2,3 --max-tokens 2 --random tiny").exit_code, 0);
  // As many as there is room for, beside one that needs little.
  const fs::path prompts = scratch_ / "many.jsonl";
  testing::write_file(prompts,
                      "{\"prompt_ids\": [1], \"max_tokens\": 2, \"ignore_eos\": true}\n"
                      "{\"prompt_ids\": [1, 2], \"max_tokens\": 2147483647, "
                      "\"ignore_eos\": true}\n");
  const Outcome many = run("generate --random tiny --dtype fp32 --prompts " + prompts.string());
  ASSERT_EQ(many.exit_code, 0) << many.err;
  const auto last = nlohmann::json::parse(many.out.substr(many.out.find('\n')));
  EXPECT_EQ(last["token_ids"].size(), 255U);  // of a context of 256; the last one is not fed back
}

TEST_F(Program, RoundsALayer) {
  const std::string model = (*folder_ / "model").string();
  const fs::path output = scratch_ / "rounded";
  const std::string command = "round --model " + model + " --output " + output.string();
  const Outcome outcome = run(command + " --layers 0,1");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  testing::expect_parts(outcome.out, {"layers.0.mlp.down_proj.weight rounded to 4 bits"});
  EXPECT_EQ(read_text_file(output / "tokenizer.model"),
            read_text_file(*folder_ / "model/tokenizer.model"));
  EXPECT_EQ(run("generate --prompt x --max-tokens 2 --model " + output.string()).exit_code, 0);
  fs::remove(output / "config.json");  // what is there is not written over
  expect_refused(run(command + " --layers 0"), {"found tokenizer.model", "another folder"});
}

TEST_F(Program, AFailedRunLeavesNoHalfOfACheckpoint) {
  ModelConfig config = testing::tiny_config();
  config.vocab_size = 320;
  config.intermediate_size = 4096;  // weights larger than the tokenizer
  write_checkpoint(scratch_ / "model", RandomWeights(config, 3), 0);
  fs::copy(*folder_ / "model/tokenizer.model", scratch_ / "model");
  const std::string model = (scratch_ / "model").string();
  const std::string output = (scratch_ / "new/deep").string();
  const std::string round = "round --layers 0 --model " + model + " --output " + output;
  // No file may grow past half of the weights: the disk that is full.
  const std::uintmax_t blocks = fs::file_size(scratch_ / "model/model.safetensors") / 2048;
  ASSERT_LT(fs::file_size(scratch_ / "model/tokenizer.model"), blocks * 512);
  const std::string full_disk = "trap '' XFSZ; ulimit -f " + std::to_string(blocks) + "; ";
  for (const std::string& command : {round, "make-random --vocab 10000 --output " + output}) {
    const Outcome outcome = run(command, full_disk);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
    testing::expect_parts(outcome.err, {"new/deep/model.safetensors", "File too large"});
    EXPECT_FALSE(fs::exists(scratch_ / "new"));
  }
  fs::create_directories(output);
  testing::write_file(fs::path(output) / "notes", "kept");
  EXPECT_EQ(run(round, full_disk).exit_code, 1);
  EXPECT_EQ(read_text_file(fs::path(output) / "notes"), "kept");
  EXPECT_EQ(std::distance(fs::directory_iterator(output), fs::directory_iterator()), 1);
  fs::remove_all(scratch_ / "new");

  fs::remove(scratch_ / "model/tokenizer.model");
  fs::create_directory(scratch_ / "model/tokenizer.model");
  expect_refused(run(round), {"tokenizer.model", "found a folder"});
  EXPECT_FALSE(fs::exists(scratch_ / "new"));
}

TEST_F(Program, ListsOfNumbersAreDecimalAndWhole) {
  const std::string round = "round --model " + (*folder_ / "model").string() + " --output " +
                            (scratch_ / "rounded").string() + " --layers ";
  for (const std::string text :
       {"''", "1,,2", "1,", ",1", "010", "0x1", "-1", "+1", "1.5", "' 1'", "1x", "4294967297"}) {
    expect_refused(generate("--max-tokens 1 --prompt-ids " + text),
                   {"--prompt-ids: expected whole numbers in decimal"});
    expect_refused(run(round + text), {"--layers: expected whole numbers in decimal"});
  }
  EXPECT_EQ(generate("--max-tokens 1 --prompt-ids 0,10").exit_code, 0);
  EXPECT_FALSE(fs::exists(scratch_ / "rounded"));
}

TEST_F(Program, SeedsAreNotNegative) {
  const std::string output = (scratch_ / "random").string();
  for (const std::string seed : {"-1", "010", "18446744073709551616", "x"}) {
    expect_refused(generate("--prompt x --seed " + seed), {"--seed: expected", "decimal", seed});
    expect_refused(run("inspect --random tiny --random-seed " + seed), {"--random-seed", seed});
    expect_refused(run("make-random --output " + output + " --seed " + seed), {"--seed", seed});
  }
  EXPECT_EQ(generate("--prompt x --max-tokens 1 --seed 18446744073709551615").exit_code, 0);
}

TEST_F(Program, InspectRefusesWhatARunRefuses) {
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"--batch 0", "batch: expected at least 1, found 0"},
      {"--batch -1", "batch: expected at least 1, found -1"},
      {"--max-seq -1", "sequence length: expected 1 to 256"},
      {"--max-seq 257", "sequence length: expected 1 to 256"},
      {"--prefill-chunk 0", "prefill chunk: expected at least 1, found 0"},
      {"--prefill-chunk -1", "prefill chunk: expected at least 1, found -1"},
      {"--batch 2147483647", "lower one of them"},
  };
  for (const auto& [option, part] : refused) {
    expect_refused(run("inspect --random tiny " + option), {part});
  }
  EXPECT_EQ(run("inspect --random tiny --batch 1000000 --prefill-chunk 1").exit_code, 0);
}

TEST_F(Program, MakeRandomRefusesSizesThatMakeNoModel) {
  const std::string command = "make-random --output " + (scratch_ / "random").string() + " ";
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"--heads 0", "num_attention_heads"},
      {"--kv-heads 0", "num_key_value_heads"},
      {"--head-dim 0", "head_dim"},
      {"--vocab 0", "vocab_size"},
      {"--hidden 0", "hidden_size"},
      {"--intermediate 0", "intermediate_size"},
      {"--layers 0", "num_hidden_layers"},
      {"--context 0", "max_position_embeddings"},
      {"--layers 2000000000", "at most 4096, found 2000000000"},
      {"--shard-gib -1", "--shard-gib: expected"},
      {"--shard-gib nan", "--shard-gib: expected"},
      {"--shard-gib inf", "--shard-gib: expected"},
      {"--shard-gib 1e30", "--shard-gib: expected"},
      {"--shard-gib 1e-30", "--shard-gib: expected"},
  };
  for (const auto& [option, part] : refused) expect_refused(run(command + option), {part});
  EXPECT_FALSE(fs::exists(scratch_ / "random"));
  EXPECT_EQ(run(command + "--shard-gib 0.00005").exit_code, 0);
  EXPECT_TRUE(fs::exists(scratch_ / "random/model.safetensors.index.json"));
}

TEST_F(Program, StrangersAreNamedFirst) {
  expect_refused(run("genrate --prompt x"), {"llama2: unknown argument 'genrate'"});
  expect_refused(run("generate --modle DIR --prompt x"), {"llama2: unknown argument '--modle'"});
  expect_refused(run("inspect --random tiny --no-such"), {"llama2: unknown argument '--no-such'"});
}

TEST_F(Program, EmptyValuesAreRefused) {
  const std::string model = " --model " + (*folder_ / "model").string();
  for (const std::string command :
       {"generate --prompt x --random ''", "generate --prompt x --model ''",
        "perplexity --random tiny --file ''", "make-random --output ''",
        "round --layers 0 --output x --model ''"}) {
    expect_refused(run(command), {"expected a value, found an empty one"});
  }
  for (const std::string option : {"--prompts ''", "--prompt x --output ''",
                                   "--prompt x --dtype ''", "--prompt x --kernels ''"}) {
    expect_refused(generate(option), {"expected a value, found an empty one"});
  }
}

TEST_F(Program, OutputThatCannotBeWrittenIsNoSuccess) {
  const std::string model = " --model " + (*folder_ / "model").string();
  testing::write_file(scratch_ / "text", "the fox found a ball near the river");
  for (const std::string& command :
       {"inspect" + model, "generate --prompt x --max-tokens 2" + model,
        "perplexity --context 16 --file " + (scratch_ / "text").string() + model,
        std::string("generate --help")}) {
    for (const char* output : {"> /dev/full", ">&-"}) {
      expect_refused(run_into(output, command), {"standard output failed"});
    }
  }
}

TEST_F(Program, ClosedStandardOutputDoesNotReachTheResults) {
  const fs::path output = scratch_ / "results.jsonl";
  testing::write_file(scratch_ / "prompts.jsonl", "{\"prompt\": \"the fox\"}\n");
  const std::string rest =
      " --max-tokens 2 --model " + (*folder_ / "model").string() + " --output " + output.string();
  const std::string many = "generate --prompts " + (scratch_ / "prompts.jsonl").string() + rest;
  EXPECT_EQ(run_into(">&-", many).exit_code, 0);  // prints nothing, so loses nothing
  EXPECT_EQ(run_into(">&-", "generate --prompt 'the fox'" + rest).exit_code, 2);
  EXPECT_TRUE(nlohmann::json::accept(read_text_file(output))) << read_text_file(output);
}

TEST_F(Program, WritesResultsToStandardOutput) {
  fs::create_symlink("/proc/self/fd/1", scratch_ / "stdout");  // as /dev/stdout is
  const std::string command = "generate --prompt-ids 1,2 --max-tokens 2 --model " +
                              (*folder_ / "model").string() + " --output " +
                              (scratch_ / "stdout").string();
  testing::write_file(scratch_ / "log", "kept\n");
  const std::string log = (scratch_ / "log").string();
  for (const std::string& output : {">> " + log, "| cat >> " + log}) {
    EXPECT_EQ(run_into(output, command).exit_code, 0);
  }
  std::istringstream text(read_text_file(log));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 5U) << text.str();
  EXPECT_EQ(lines[0], "kept");
  EXPECT_FALSE(lines[1].empty());
  EXPECT_EQ(lines[3], lines[1]);
  for (const std::size_t i : {2, 4}) EXPECT_TRUE(nlohmann::json::accept(lines[i])) << lines[i];
  EXPECT_TRUE(fs::is_symlink(scratch_ / "stdout"));
}

TEST_F(Program, WritesResultsToAFifo) {
  const fs::path fifo = scratch_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  EXPECT_EQ(generate("--prompt x --max-tokens 2 --output " + fifo.string()).exit_code, 0);
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(::read(reader, text.data(), text.size())));
  ::close(reader);
  EXPECT_TRUE(nlohmann::json::accept(text)) << text;
  EXPECT_TRUE(fs::is_fifo(fifo));
}

TEST_F(Program, Perplexity) {
  const std::string base = "perplexity --model " + (*folder_ / "model").string() + " --file ";
  testing::write_file(scratch_ / "text", "the fox found a ball near the river");
  testing::write_file(scratch_ / "empty", "");
  const Outcome outcome = run(base + (scratch_ / "text").string() + " --context 16");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  testing::expect_parts(outcome.out, {"perplexity ", "stride 8"});
  expect_refused(run(base + (scratch_ / "empty").string()), {"empty", "expected a text"});
  expect_refused(run(base + (scratch_ / "text").string() + " --context 33"), {"33"});
  expect_refused(run(base + (scratch_ / "text").string() + " --context 1"),
                 {"expected 2 to 32 tokens", "found 1"});
}

TEST_F(Program, WeightsThatAreNoNumbersAreNoSuccess) {
  fs::copy(*folder_ / "model", scratch_ / "model");
  const fs::path weights = scratch_ / "model/model.safetensors";
  std::string bytes = read_text_file(weights);
  const std::size_t data = bytes.find("}}") + 2;
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(data + (8 - data % 8) % 8), bytes.end(),
            '\xFF');
  testing::write_file(weights, bytes);
  testing::write_file(scratch_ / "text", "the fox found a ball near the river");
  const std::string model = " --model " + (scratch_ / "model").string();
  for (const std::string& command :
       {"generate --prompt x --max-tokens 3" + model,
        "perplexity --context 16 --file " + (scratch_ / "text").string() + model}) {
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    testing::expect_parts(outcome.err, {"token 1", "nan", "weights"});
    EXPECT_EQ(outcome.out.find("nll"), std::string::npos);
  }
}

}  // namespace
}  // namespace assay
