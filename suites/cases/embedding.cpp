// Word embedding: ids at both ends of the vocabulary, and the same id twice.
#include "kernels/embedding/embedding.h"

#include <ATen/ATen.h>

#include "reference/ops.h"
#include "suites/cases/table.h"

namespace assay::suites {
namespace {

struct Shape {
  ShapeSet set;
  int tokens;
  int width;
  int vocab;
};

constexpr Shape SHAPES[] = {
    {ShapeSet::kSmoke, 3, 128, 17},
    {ShapeSet::kSmoke, 5, 33, 2},
    {ShapeSet::kCi, 1, 1, 1},
    {ShapeSet::kCi, 7, 4096, 11},
    {ShapeSet::kSweep, 1, 4096, 32000},
    {ShapeSet::kSweep, 32, 4096, 32000},
    {ShapeSet::kSweep, 512, 4096, 32000},
    {ShapeSet::kSweep, 2048, 4096, 32000},
};

Case make(const Shape& shape, DType dtype) {
  const auto [set, tokens, width, vocab] = shape;
  CaseBuilder<EmbeddingArgs> c(embedding_op(), dtype, set);
  c.dimension("tokens", tokens).dimension("width", width).dimension("vocab", vocab);
  c.column("m", tokens).column("n", width).column("k", vocab);
  const auto table = c.input("table", {vocab, width}, normal());
  const auto ids = c.typed_input("ids", DType::kI32, {tokens},
                                 [last = vocab - 1](HostTensor& t, Random& random) {
                                   integers(0, last)(t, random);
                                   t.set(t.count() - 1, 0);
                                   t.set(0, last);
                                 });
  const auto y = c.output("y", {tokens, width});

  const double row_bytes = static_cast<double>(size_of(dtype)) * width;
  c.exact().work(tokens * (2.0 * row_bytes + 4.0), 0.0);
  c.reference(
      [=](const Tensors& t) -> Tensors { return {reference::embedding(t[table], t[ids])}; });
  c.peer([=](const Tensors& t) -> Tensors { return {at::embedding(t[table], t[ids])}; });
  c.spoil("row_of_the_id_before", [=](const Tensors& t) -> Tensors {
    return {reference::embedding(t[table], at::remainder(t[ids] - 1, vocab))};
  });
  c.spoil("row_of_the_token_before", [=](const Tensors& t) -> Tensors {
    return {reference::embedding(t[table], t[ids].roll(1))};
  });
  if (tokens > 1) {
    c.independent_rows({ids, y}, [=] { return make({set, 1, width, vocab}, dtype); });
  }
  return c.launch([=](const Pointers& p) {
    return EmbeddingArgs{p[y], p[table], as_ints(p[ids]), tokens, width, vocab, dtype};
  });
}

}  // namespace

CaseFamily embedding_family() {
  const std::vector<Field<Shape>> fields{field("tokens", &Shape::tokens, 1, 64),
                                         field("width", &Shape::width, 1, 8192),
                                         field("vocab", &Shape::vocab, 1, 1000)};
  const auto at = [](const std::string& dimension, int value) -> std::vector<Shape> {
    if (dimension == "width") return {{ShapeSet::kCi, 2, value, 3}};
    return {};
  };
  return family_from_table(embedding_op(), SHAPES, FLOAT_DTYPES, fields, make, at);
}

}  // namespace assay::suites
