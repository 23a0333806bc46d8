// Little stories from a grammar of our own: someone, a thing, a place, a trouble, its cause, an
// ending that follows from both. Seeded, and the same on every machine.
#pragma once

#include <cstdint>
#include <string>

namespace assay::reference {

/// Story number `index` of the stream `seed`: one paragraph of 60 to 120 words.
std::string story(std::uint64_t seed, std::uint64_t index);

}  // namespace assay::reference
