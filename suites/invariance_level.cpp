// Invariances of the whole model: the same work done another way.
//
// Bitwise where both ways launch the same kernels on the same shapes: a second run, graphs and
// direct launches, another arena, whatever unused cache slots hold, another place in time. Also
// bitwise, with one version of each op for every number of rows, where rows are computed alike
// however many stand beside them: chunks of a prefill, token by token, a sequence alone, another
// order of the batch. With the best kernels those may be other versions with another order of
// additions, and are held against the reference instead.
#include <fmt/format.h>

#include <algorithm>

#include "suites/generations.h"

namespace assay::suites {
namespace {

// `best` with the one version of each op that takes any number of rows and adds each up alike.
const char* const ROW_BY_ROW =
    "best,linear=v2_tiled,attention_scores=v2_shared_keys/v1_row_per_block,"
    "attention_values=v2_shared_values/v1_row_per_block";

// Every variant is run on the plain random model, which costs little; the others have one of each
// kind, unless everything was asked for.
bool thorough(const ModelTestContext& context) {
  return context.model->name == "gqa" || context.options->set == ShapeSet::kSweep;
}
std::vector<int> variants(const ModelTestContext& context, std::vector<int> all) {
  if (!thorough(context)) all.resize(1);
  return all;
}

// Everything below starts from here: a plain run of a ragged batch.
struct Plain {
  explicit Plain(const ModelTestContext& context)
      : oracle(context.model->folder, context.dtype),
        checkpoint(context.model->folder),
        prompts(ragged_prompts(oracle.vocab(), oracle.context(), context.options->seed)),
        count(tokens_that_fit(prompts, oracle.context(), 6)),
        batch(static_cast<int>(prompts.size())),
        llama(checkpoint, context.run_options(batch)),
        run(generate_with(llama, prompts, count)) {}

  ModelOracle oracle;
  Checkpoint checkpoint;
  Prompts prompts;
  int count;
  int batch;
  Llama llama;
  Run run;
};

Run sequence_of(const Run& run, std::size_t b) { return {{run.tokens[b]}, {run.logits[b]}}; }

// A decode step after the cache was rewound to the prompts' ends: rows beyond are stale.
Run rewound(Plain& plain) {
  std::vector<int> lengths;
  std::vector<int> first;
  for (std::size_t b = 0; b < plain.prompts.size(); ++b) {
    lengths.push_back(static_cast<int>(plain.prompts[b].size()));
    first.push_back(plain.run.tokens[b][0]);
  }
  Run run;
  const std::vector<int> next = plain.llama.decode(first, lengths);
  append(run, next, plain.llama.logits());
  return run;
}

void check_same_kernels(const ModelTestContext& context, Plain& plain) {
  const auto again = [&](Llama& llama) { return generate_with(llama, plain.prompts, plain.count); };
  const Script script = script_of(context, plain.prompts, plain.run.tokens);
  if (!record_same(context, "repeat", "repeat", plain.run, again(plain.llama))) {
    context.explain(script, plain.oracle);
  }

  if (plain.count > 1) {
    Run second;
    for (std::size_t b = 0; b < plain.prompts.size(); ++b) {
      second.tokens.push_back({plain.run.tokens[b][1]});
      second.logits.push_back({plain.run.logits[b][1]});
    }
    if (!record_same(context, "rewind", "decode after rewinding", second, rewound(plain))) {
      context.explain(script, plain.oracle);
    }
  }

  RunOptions direct = context.run_options(plain.batch);
  direct.graphs = false;
  Llama without_graphs(plain.checkpoint, direct);
  if (!record_same(context, "graph", "graph = direct", plain.run, again(without_graphs))) {
    context.explain(script, plain.oracle);
  }

  if (!thorough(context)) return;
  RunOptions apart = context.run_options(plain.batch);
  apart.share_arena = false;
  Llama unshared(plain.checkpoint, apart);
  if (!record_same(context, "arena", "shared arena = memory of its own for each", plain.run,
                   again(unshared))) {
    context.explain(script, plain.oracle);
  }
}

// Bytes that unused slots are filled with: 0xFF is NaN in every dtype; 0x77 and 0xF7 about +-1e34
// in bf16 and fp32, +-30576 in fp16. One slot read by mistake shows.
void check_garbage(const ModelTestContext& context, Plain& plain) {
  Llama garbage(plain.checkpoint, context.run_options(plain.batch));
  const std::size_t bytes =
      KvCache::bytes(garbage.config(), context.dtype, plain.batch, cache_slots(garbage.options()));
  for (const int pattern : variants(context, {0xFF, 0x77, 0xF7})) {
    fill_bytes(garbage.kv_cache().k(0), pattern, bytes, garbage.stream());
    const Run run = generate_with(garbage, plain.prompts, plain.count);
    if (!record_same(context, "garbage", fmt::format("0x{:02X} in unused KV slots", pattern),
                     plain.run, run)) {
      Script script = script_of(context, plain.prompts, plain.run.tokens);
      script.cache_fill = pattern;
      context.explain(script, plain.oracle);
    }
  }

  // What a longer generation of other tokens left behind must not be seen.
  Prompts longer =
      ragged_prompts(plain.oracle.vocab(), plain.oracle.context(), context.options->seed + 1);
  std::reverse(longer.begin(), longer.end());
  const int most = tokens_that_fit(longer, plain.oracle.context(), plain.count);
  const Run before = generate_with(garbage, longer, most);
  if (!record_same(context, "stale", "after a longer generation", plain.run,
                   generate_with(garbage, plain.prompts, plain.count))) {
    Script script = script_of(context, longer, before.tokens);
    const Script own = script_of(context, plain.prompts, plain.run.tokens);
    script.steps.insert(script.steps.end(), own.steps.begin(), own.steps.end());
    context.explain(script, plain.oracle);
  }
}

// With whatever kernels are best for each shape: within the tolerance of the reference. Every way
// is fed the plain run's tokens, so that one answer serves all.
void check_other_shapes(const ModelTestContext& context, Plain& plain) {
  std::vector<Answer> answers;
  for (std::size_t b = 0; b < plain.prompts.size(); ++b) {
    answers.push_back(answer_for(plain.oracle, plain.prompts[b], plain.run.tokens[b],
                                 static_cast<int>(plain.prompts[b].size())));
  }
  for (const int chunk : variants(context, {3, 1, 4})) {
    RunOptions options = context.run_options(plain.batch);
    options.prefill_chunk = chunk;
    Llama in_chunks(plain.checkpoint, options);
    const Run run = generate_with(in_chunks, plain.prompts, plain.count, &plain.run.tokens);
    if (!record_logits(context, plain.oracle, fmt::format("chunked.{}", chunk), run, answers)) {
      context.explain(script_of(context, plain.prompts, plain.run.tokens, chunk), plain.oracle);
    }
  }
  Llama single(plain.checkpoint, context.run_options(1));
  for (std::size_t b = 0; b < plain.prompts.size(); ++b) {
    const Prompts fed{plain.run.tokens[b]};
    const Prompts prompt{plain.prompts[b]};
    if (!record_logits(context, plain.oracle, fmt::format("alone.{}", prompt[0].size()),
                       generate_with(single, prompt, plain.count, &fed), {answers[b]})) {
      context.explain(script_of(context, prompt, fed), plain.oracle);
    }
  }
  const Answer stepwise = answer_for(plain.oracle, plain.prompts[0], plain.run.tokens[0], 1);
  if (!record_logits(context, plain.oracle, "stepwise",
                     step_through(single, plain.prompts[0], plain.count, plain.run.tokens.data()),
                     {stepwise})) {
    context.explain(script_of(context, {plain.prompts[0]}, {plain.run.tokens[0]}, 1), plain.oracle);
  }
}

void check_invariance(const ModelTestContext& context) {
  Plain plain(context);
  check_same_kernels(context, plain);
  check_garbage(context, plain);
  check_other_shapes(context, plain);
}

// One version of each op for every number of rows: the same bits in any company.
void check_row_by_row(const ModelTestContext& context) {
  Plain plain(context);
  const auto explain = [&](int chunk) {
    context.explain(script_of(context, plain.prompts, plain.run.tokens, chunk), plain.oracle);
  };
  for (const int chunk : variants(context, {5, 1, 3, 16})) {
    RunOptions options = context.run_options(plain.batch);
    options.prefill_chunk = chunk;
    Llama in_chunks(plain.checkpoint, options);
    if (!record_same(context, "bitwise.chunked", fmt::format("chunks of {} = whole", chunk),
                     plain.run, generate_with(in_chunks, plain.prompts, plain.count))) {
      explain(chunk);
    }
  }
  Llama single(plain.checkpoint, context.run_options(1));
  for (const int sequence : variants(context, {0, 1, 2})) {
    const auto b = static_cast<std::size_t>(sequence);
    if (!record_same(context, "bitwise.alone", fmt::format("sequence {} alone", b),
                     sequence_of(plain.run, b),
                     generate_with(single, {plain.prompts[b]}, plain.count))) {
      explain(512);
    }
  }
  if (!record_same(context, "bitwise.stepwise", "token by token = prefill",
                   sequence_of(plain.run, 0),
                   step_through(single, plain.prompts[0], plain.count))) {
    explain(1);
  }
  const auto backwards = [](auto list) {
    std::reverse(list.begin(), list.end());
    return list;
  };
  const Run reversed = generate_with(plain.llama, backwards(plain.prompts), plain.count);
  if (!record_same(context, "bitwise.order", "batch in reverse", plain.run,
                   {backwards(reversed.tokens), backwards(reversed.logits)})) {
    explain(512);
  }
}

// Sequences that grow past a multiple of the bucket that decode graphs are made for, and one that
// fills the context to its last token.
void check_boundaries(const ModelTestContext& context) {
  constexpr int BUCKET = 64;  // of S; the steps below are on both sides of it in any case
  const ModelOracle oracle(context.model->folder, context.dtype);
  const Checkpoint checkpoint(context.model->folder);
  Random random(seed_for(context.options->seed, "boundaries"));
  const auto grow = [&](const std::string& op, const std::vector<int>& lengths, int count) {
    Prompts prompts;
    for (const int length : lengths) {
      std::vector<int>& prompt = prompts.emplace_back();
      for (int i = 0; i < length; ++i) prompt.push_back(random.between(3, oracle.vocab() - 1));
    }
    Llama llama(checkpoint, context.run_options(static_cast<int>(prompts.size())));
    const Run run = generate_with(llama, prompts, count);
    std::vector<Answer> answers;
    for (std::size_t b = 0; b < prompts.size(); ++b) {
      answers.push_back(
          answer_for(oracle, prompts[b], run.tokens[b], static_cast<int>(prompts[b].size())));
    }
    bool right = record_logits(context, oracle, op, run, answers);
    // The graphs of both buckets are there now; and direct launches have none.
    right &= record_same(context, op, op + ".repeat", run, generate_with(llama, prompts, count));
    RunOptions direct = llama.options();
    direct.graphs = false;
    Llama without_graphs(checkpoint, direct);
    right &= record_same(context, op, op + ".direct", run,
                         generate_with(without_graphs, prompts, count));
    if (!right) context.explain(script_of(context, prompts, run.tokens), oracle);
  };
  if (oracle.context() >= BUCKET + 8) grow("bucket", {BUCKET - 3, 1, BUCKET / 2}, 6);
  // The last token that is picked is never fed: a sequence may take the whole context and one more.
  if (thorough(context)) grow("context", {oracle.context() - 2}, 3);
}

}  // namespace

void register_invariance_tests(const Options& options, Report& report) {
  const std::vector<DType> all = {DType::kF32, DType::kF16, DType::kBF16};
  register_model_tests("generation", "invariance", options, report, all, {"best"},
                       check_invariance);
  register_model_tests("generation", "bitwise", options, report, {DType::kF32, DType::kBF16},
                       {ROW_BY_ROW}, check_row_by_row, Models::kPlain);
  register_model_tests("generation", "boundaries", options, report, {DType::kF32, DType::kBF16},
                       {"best"}, check_boundaries, Models::kPlain);
}

}  // namespace assay::suites
