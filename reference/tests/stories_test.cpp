#include "reference/checkpoint/stories.h"

#include <gtest/gtest.h>

#include <set>

namespace assay::reference {
namespace {

// The shipped checkpoint was trained on these; another grammar asks for another training.
TEST(Stories, AreTheSameEverywhere) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (std::uint64_t i = 0; i < 100; ++i) {
    for (const char c : story(1, i)) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;  // FNV-1a
    }
  }
  EXPECT_EQ(hash, 0x83E67B68A1EE2E0Cu);
  EXPECT_NE(story(1, 0), story(2, 0));
}

TEST(Stories, NeverShowTheirTemplates) {
  std::set<std::string> distinct;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const std::string text = story(7, i);
    EXPECT_EQ(text.find_first_of("[]{}|"), std::string::npos) << text;
    EXPECT_EQ(text.find("  "), std::string::npos) << text;
    for (std::size_t at = text.find(" a "); at != std::string::npos;
         at = text.find(" a ", at + 1)) {
      EXPECT_EQ(std::string("aeiou").find(text.at(at + 3)), std::string::npos) << text;
    }
    distinct.insert(text);
  }
  EXPECT_GT(distinct.size(), 2900u);
}

}  // namespace
}  // namespace assay::reference
