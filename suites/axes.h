// Axes on the command line: --batch 1,8,32 --seq 128-8192*2.
#pragma once

#include <string>
#include <vector>

namespace assay::suites {

/// The values of an axis, in the order given, each once:
///
///   8            a value
///   1,8,32       several, each of them any of these
///   1-4          every whole number from 1 to 4
///   16-64+16     16, 32, 48, 64
///   128-8192*2   128, 256, ... 8192
///
/// The end of a range is among its values only where a step falls on it. Throws InputError that
/// shows the text, and under it where what is wrong begins; `flag` starts the message. Values are
/// `least` to `most`.
std::vector<int> parse_axis(const std::string& flag, const std::string& text, int least, int most);

/// The values as parse_axis reads them: "1,8,32".
std::string format_axis(const std::vector<int>& values);

/// What the `names` choose of `known`: each the item of this name or, where there is none, all that
/// begin with it and an underscore ("attention": attention_scores, attention_values). In the order
/// of `known`. Throws InputError for a name that chooses nothing, with those known.
std::vector<std::string> choose(const std::string& what, const std::vector<std::string>& names,
                                const std::vector<std::string>& known);

}  // namespace assay::suites
