#include "suites/sweep_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>

#include "kernels/device/error.h"
#include "suites/cases/cases.h"
#include "suites/rows.h"

namespace assay::suites {
namespace {

bool chosen(const std::vector<std::string>& list, const std::string& item) {
  return list.empty() || std::find(list.begin(), list.end(), item) != list.end();
}

// A launch counts in int, and so does a case.
constexpr long long MOST_DIMENSION = std::numeric_limits<int>::max();

bool is_float(DType dtype) { return dtype != DType::kI32 && dtype != DType::kU8; }

// A case that cannot be made, for its rows to say why.
SweepCase impossible_case(const Problem& problem, const CaseFamily& family, DType dtype,
                          const std::string& reason, std::uint64_t seed) {
  std::string shape;
  for (const auto& [name, value] : problem.dimensions) {
    shape += fmt::format("{}{}={}", shape.empty() ? "" : ",", name, value);
  }
  SweepCase c;
  c.name = fmt::format("{}/{}/{}", family.op, assay::name_of(dtype), shape);
  c.kind = family.op;
  for (std::size_t version = 0; version < family.versions.size(); ++version) {
    SweepRow row{c.name + "/" + family.versions[version], version, common_row("kernel", seed),
                 reason};
    row.identity.set("case_id", c.name).set("op", family.op);
    row.identity.set("version", family.versions[version]).set("dtype", assay::name_of(dtype));
    c.rows.push_back(std::move(row));
  }
  return c;
}

SweepCase problem_case(const Problem& problem, const CaseFamily& family, DType dtype,
                       const SweepPlan& plan) {
  const std::uint64_t seed = plan.seed;
  for (const auto& [name, value] : problem.dimensions) {
    if (value > MOST_DIMENSION) {
      return impossible_case(problem, family, dtype,
                             fmt::format("{} is past what a launch can say", name), seed);
    }
  }
  const DimensionValues values = values_of(problem, family);
  const std::string reason = family.impossible(values);
  if (!reason.empty()) return impossible_case(problem, family, dtype, reason, seed);
  return kernel_case(family.make(values, dtype, ShapeSet::kSweep), seed, plan.resources);
}

// Collects cases, each once.
class Collection {
 public:
  void add(SweepCase c) {
    if (names_.insert(c.name).second) planned_.cases.push_back(std::move(c));
  }
  void note(const std::string& text) {
    auto& notes = planned_.notes;
    if (std::find(notes.begin(), notes.end(), text) == notes.end()) notes.push_back(text);
  }
  bool has(const std::string& name) const { return names_.count(name) > 0; }
  PlannedSweep take() { return std::move(planned_); }

 private:
  PlannedSweep planned_;
  std::set<std::string> names_;
};

void add_tables(Collection& all, const SweepPlan& plan) {
  for (Case& c : all_cases(*plan.tables)) {
    const auto& dtypes = plan.table_dtypes;
    const bool of_dtype =
        !is_float(c.dtype) || std::find(dtypes.begin(), dtypes.end(), c.dtype) != dtypes.end();
    if (of_dtype && chosen(plan.ops, c.op))
      all.add(kernel_case(std::move(c), plan.seed, plan.resources));
  }
}

void add_grid(Collection& all, const SweepPlan& plan, const GridPart& part) {
  const ModelConfig config = preset_config(part.model);
  for (const CaseFamily& family : all_families()) {
    if (!chosen(plan.ops, family.op) || !chosen(part.ops, family.op)) continue;
    const std::string absent = why_absent(family.op, config);
    if (!absent.empty()) {
      all.note(fmt::format("{} has no rows at {}'s shapes: {}", family.op, part.model, absent));
      continue;
    }
    for (const WorkPoint& point : part.points) {
      for (const Problem& problem : problems_at(config, point)) {
        if (problem.op != family.op) continue;
        for (const DType dtype : part.dtypes) {
          all.add(problem_case(problem, family, problem.dtype.value_or(dtype), plan));
        }
      }
    }
  }
}

}  // namespace

std::vector<WorkPoint> grid(const std::vector<Phase>& phases, const std::vector<int>& batches,
                            const std::vector<int>& seqs) {
  std::vector<WorkPoint> points;
  for (const Phase phase : phases) {
    for (const int batch : batches) {
      for (const int seq : seqs) points.push_back({phase, batch, seq});
    }
  }
  return points;
}

PlannedSweep assemble(const SweepPlan& plan) {
  Collection all;
  for (const std::string& name : plan.case_names) {
    all.add(
        kernel_case(make_case(name, all_families(), ShapeSet::kSweep), plan.seed, plan.resources));
  }
  if (plan.tables) add_tables(all, plan);
  for (const GridPart& part : plan.kernels) add_grid(all, plan, part);
  for (const GridPart& part : plan.models) {
    for (const DType dtype : part.dtypes) {
      for (SweepCase& c :
           model_cases(part.model, dtype, part.points, plan.kernel_sets, plan.seed)) {
        all.add(std::move(c));
      }
    }
  }
  return all.take();
}

void shuffle(std::vector<SweepCase>& cases, std::uint64_t seed) {
  Random random(seed_for(seed, "order of cases"));
  std::map<std::vector<std::string>, std::uint64_t> drawn;  // for what is shared, outermost first
  using Place = std::vector<std::uint64_t>;
  std::vector<std::pair<Place, std::size_t>> order;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Place place;
    std::vector<std::string> shared;
    for (const std::string& key : cases[i].kept) {
      shared.push_back(key);
      const auto [found, first] = drawn.try_emplace(shared, 0);
      if (first) found->second = random.bits();
      place.push_back(found->second);
    }
    place.push_back(random.bits());
    if (cases[i].kept.empty()) place.insert(place.begin(), 0);  // kernels before models
    order.emplace_back(std::move(place), i);
  }
  std::sort(order.begin(), order.end());
  std::vector<SweepCase> sorted;
  for (const auto& [place, i] : order) sorted.push_back(std::move(cases[i]));
  cases = std::move(sorted);
}

}  // namespace assay::suites
