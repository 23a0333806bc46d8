// A story is told from templates: [a|b] picks one, {key} is looked up in what the story knows. All
// that must stay the same from sentence to sentence (who, what, where, why) is such a key.
#include "reference/checkpoint/stories.h"

#include <array>
#include <cctype>
#include <map>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace assay::reference {
namespace {

class Random {  // SplitMix64 (Steele, Lea and Flood 2014)
 public:
  explicit Random(std::uint64_t state) : state_(state) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return next() % n; }

 private:
  std::uint64_t state_;
};

enum class Gender { kShe, kHe };
struct Person {
  const char* name;
  Gender gender;
};
constexpr std::array CHILDREN = {
    Person{"Mia", Gender::kShe},  Person{"Lily", Gender::kShe}, Person{"Anna", Gender::kShe},
    Person{"Emma", Gender::kShe}, Person{"Rosa", Gender::kShe}, Person{"Sara", Gender::kShe},
    Person{"Tom", Gender::kHe},   Person{"Ben", Gender::kHe},   Person{"Leo", Gender::kHe},
    Person{"Max", Gender::kHe},   Person{"Sam", Gender::kHe},   Person{"Tim", Gender::kHe}};

struct Animal {
  const char* kind;
  const char* name;
  Gender gender;
  const char* food;
};
constexpr std::array ANIMALS = {Animal{"rabbit", "Hop", Gender::kHe, "carrot"},
                                Animal{"fox", "Ruby", Gender::kShe, "berry"},
                                Animal{"bear", "Bruno", Gender::kHe, "honey cake"},
                                Animal{"squirrel", "Nut", Gender::kHe, "nut"},
                                Animal{"mouse", "Pip", Gender::kShe, "piece of cheese"},
                                Animal{"hedgehog", "Spike", Gender::kHe, "pear"},
                                Animal{"duck", "Daisy", Gender::kShe, "piece of bread"},
                                Animal{"cat", "Luna", Gender::kShe, "fish"}};

struct Place {
  const char* name;
  std::array<const char*, 4> spots;
};
constexpr std::array PLACES = {
    Place{"the park",
          {"under the bench", "behind the big tree", "next to the slide", "near the swings"}},
    Place{"the garden",
          {"under the bush", "behind the shed", "between the flowers", "near the fence"}},
    Place{"the forest",
          {"under the leaves", "behind a rock", "inside a hollow log", "near the stream"}},
    Place{"the beach", {"under a towel", "behind the dune", "next to the boat", "near the water"}},
    Place{"the farm", {"under the cart", "behind the barn", "inside the hay", "near the gate"}}};

struct Thing {
  const char* name;
  const char* cause;  // how it gets lost
};
constexpr std::array THINGS = {Thing{"ball", "it had rolled away"},
                               Thing{"hat", "the wind had blown it away"},
                               Thing{"toy car", "it had rolled away"},
                               Thing{"ribbon", "the wind had blown it away"},
                               Thing{"key", "it had fallen out of {his} pocket"},
                               Thing{"doll", "a puppy had carried it away"},
                               Thing{"shoe", "a puppy had carried it away"},
                               Thing{"ring", "it had fallen out of {his} pocket"}};

using Beats = std::vector<std::string_view>;

const Beats LOST = {
    "{He} had a {color} {thing} that {he} loved [very much|more than anything].",
    "One [sunny|warm|bright] day, {hero} took the {thing} to {place}.",
    "[{He} played and played until it was late.|{He} played there all [morning|afternoon].]",
    "When it was time to go home, the {thing} was gone! {hero} [felt very sad|was very sad] and "
    "began to cry.",
    "{friend} the {kind} [heard {him} and came|came] to help. \"Why are you [sad|crying]?\" asked "
    "{friend}.",
    "\"I lost my {color} {thing},\" said {hero}. \"[Do not worry|Do not cry],\" said {friend}. "
    "\"We will find it together.\"",
    "[First, they|They] looked {spot1}, but it was not there.",
    "Then they looked {spot2}, and there was the {color} {thing}! {Cause}.",
    "{hero} was so happy that {he} hugged {friend}. \"Thank you for helping me,\" {he} said.",
    "[From that day on|After that], {hero} always took good care of the {thing}, and {hero} and "
    "{friend} were best friends."};

const Beats KITE = {
    "{He} had a {color} kite that could fly very high.",
    "One windy day, {hero} ran with the kite in {place}.",
    "[Suddenly|All at once], a strong wind pulled the kite [out of {his} hands|away], and it got "
    "stuck in a tall tree.",
    "{hero} jumped and jumped, but {he} could not reach it because the tree was too tall.",
    "[\"Oh no!\" {he} cried. \"My kite!\"|\"Oh no! My kite is stuck!\" {he} cried.]",
    "A {bird} [sat in the tree and heard {him}|heard {him} and flew down]. \"I can fly, so I can "
    "help you,\" said the {bird}.",
    "The {bird} flew to the top of the tree and pulled the {color} kite free. The kite came down "
    "slowly, and {hero} caught it.",
    "\"Thank you, little {bird}!\" said {hero}. {He} gave the {bird} some [bread|seeds] to eat.",
    "[From that day on|After that], {hero} only flew the kite far away from trees, and the {bird} "
    "flew beside it every time."};

const Beats SHARE = {
    "One [sunny|cold|bright] morning, {his} {parent} gave {him} a {food} for the day.",
    "{hero} walked to {place}, and there {he} saw {friend} the {kind}. {friend} was sitting "
    "{spot1} and looked very hungry.",
    "\"Why are you sad?\" asked {hero}. \"I am sad because I have nothing to eat,\" said {friend}.",
    "{hero} was hungry too, but {he} was kind. {He} broke the {food} in two and gave one half to "
    "{friend}.",
    "\"Thank you!\" said {friend}, and they ate together.",
    "Later that day, [it began to rain|dark clouds came and it began to rain]. {hero} had no "
    "{cover} and was getting wet.",
    "{friend} ran to {hero} with a big leaf and held it over {him}. \"You shared with me, so now I "
    "share with you,\" said {friend}.",
    "{hero} [smiled|laughed], and they stayed dry under the leaf until the sun came out.",
    "[From that day on|After that], {hero} and {friend} shared everything, and they were never "
    "hungry again."};

const Beats STORM = {
    "{He} was not afraid of the dark, but {he} was afraid of storms.",
    "One night, there was a big storm. The wind was loud, and the thunder went boom!",
    "{hero} hid under {his} {blanket} and [held {his} {toy} very tight|hugged {his} {toy}].",
    "{His} {parent} came into the room and sat on the bed. \"Why are you hiding?\" asked {his} "
    "{parent}.",
    "\"I am scared because the thunder is so loud,\" said {hero}.",
    "\"The thunder is only the clouds talking to each other,\" said {his} {parent}. \"Let us count "
    "after each light. If we can count more, the storm is going away.\"",
    "They counted together. First they counted to {low}, and then they counted to {high}. The "
    "storm was going away!",
    "{hero} was not scared anymore. {He} closed {his} eyes and fell asleep with the {toy} in {his} "
    "arms.",
    "In the morning, the sun was shining, and {hero} saw a rainbow [in the sky|over the house]. "
    "[From that day on|After that], {he} counted in every storm and was brave."};

const Beats BROKEN = {
    "One day, {hero} was playing with a ball inside the house, but {his} {parent} had said not to "
    "do that.",
    "The ball hit the {color} {fragile}, and the {fragile} fell [down|on the floor] and broke.",
    "{hero} was scared. {He} hid the pieces [under the bed|behind the door|in a box] and did not "
    "say anything.",
    "But {he} felt bad all day. {He} could not play, and {he} could not eat.",
    "In the evening, {hero} went to {his} {parent} and said, \"I broke the {fragile} with my ball. "
    "I am sorry.\"",
    "{His} {parent} looked at the pieces. \"I am sad about the {fragile},\" said {his} {parent}, "
    "\"but I am happy that you told me the truth.\"",
    "Together they took some glue and put the pieces back, one by one. Soon the {color} {fragile} "
    "stood on the table again.",
    "{hero} felt [much better|light and happy]. \"I will only play with the ball outside,\" {he} "
    "said.",
    "[From that day on|After that], {hero} always played ball outside and always told the truth."};

const Beats LEARN = {
    "{He} wanted to learn how to {skill}, but {he} did not know how.",
    "One day, {hero} went to {ground} and tried. {He} {fail}, and it hurt a little.",
    "\"I will never learn it,\" said {hero} and sat down[| on the ground].",
    "{friend} the {kind} came by. \"I could not {skill} at first,\" said {friend}. \"I learned it "
    "because I tried every day. Let me show you.\"",
    "{friend} showed {him} how to do it slowly, and {hero} tried again. {He} {fail} again, but "
    "this time {he} [laughed|did not cry].",
    "Every day, {hero} and {friend} met at {ground} and practiced together.",
    "After a week, {hero} could {skill} all by {himself}! \"Look at me!\" {he} cried.",
    "{friend} [clapped|smiled]. \"You did it because you did not give up,\" said {friend}.",
    "{hero} was very proud. [From that day on|After that], {he} was not afraid to try new things."};

const Beats SEED = {
    "One day in spring, {his} {parent} gave {him} a small seed. \"What will it be?\" asked {hero}. "
    "\"Wait and see,\" said {his} {parent}.",
    "{hero} dug a hole in the garden, put the seed inside and covered it with soil.",
    "Every [day|morning], {he} gave it water. But the next day nothing was there, and {hero} was "
    "sad.",
    "\"Seeds are slow,\" said {his} {parent}. \"They need water, sun and time.\" So {hero} waited.",
    "After a week, a small green leaf came out of the soil. {hero} [jumped with joy|danced around "
    "it].",
    "Then a hungry {pest} came and wanted to eat the leaf. {hero} gave the {pest} some "
    "[grass|bread], so it left the plant alone.",
    "The plant grew and grew, and in summer there was a big ripe {crop} on it.",
    "{hero} [shared the {crop} with|gave half of the {crop} to] {friend} the {kind}. \"It is the "
    "best {crop} I ever had,\" said {friend}.",
    "{hero} was happy because {he} had waited, and {he} kept a new seed for the next spring."};

const Beats BIRD = {
    "One cold winter day, {hero} went for a walk in {place}. The snow was deep and white.",
    "There, {spot1}, {he} found a little {bird}. The {bird} could not fly because its wing was "
    "hurt.",
    "\"You poor thing, you are so cold,\" said {hero}. {He} took off {his} {color} scarf and put "
    "it around the {bird}.",
    "{hero} carried the {bird} home. {His} {parent} made a small bed from a box, and {hero} gave "
    "the {bird} [seeds|bread] and water.",
    "Every day, the wing got a little better. [When spring came|In spring], the {bird} could fly "
    "again.",
    "{hero} opened the window. \"Now you are free,\" {he} said, and the {bird} flew away. {hero} "
    "was happy, but also a little sad.",
    "The next morning, {hero} heard a song. The {bird} was sitting at the window with a {gift} for "
    "{him}!",
    "\"You came back to thank me!\" said {hero}. [From that day on|After that], the {bird} sang "
    "for {him} every morning."};

const Beats SELFISH = {"{He} had a new {color} {toy2}, and {he} did not want to share it.",
                       "One day, {friend} the {kind} came to {place} and asked, \"Can I play with "
                       "your {toy2}?\" \"No, it is mine!\" said {hero}.",
                       "{friend} was sad and went away to play with the others.",
                       "{hero} played with the {toy2} alone. At first it was fun, but soon it was "
                       "boring, because nobody was there to play with {him}.",
                       "{hero} saw {friend} and the others laugh together, and {he} felt lonely.",
                       "So {hero} took the {toy2} and went to {friend}. \"I am sorry,\" "
                       "said {hero}. \"Do you want to play with me?\"",
                       "\"Yes!\" said {friend} with a big smile. They took turns with the {toy2} "
                       "until the sun went down.",
                       "\"It is much more fun with you,\" said {hero}. [From that day on|After "
                       "that], {hero} always shared {his} toys, and {he} was never lonely again."};

constexpr std::array PLOTS = {&LOST,  &KITE, &SHARE, &STORM,  &BROKEN,
                              &LEARN, &SEED, &BIRD,  &SELFISH};

class Teller {
 public:
  explicit Teller(Random random) : random_(random) {}

  std::string tell() {
    const Beats& plot = *PLOTS[random_.below(PLOTS.size())];
    meet_hero();
    meet_others();
    std::string text = expand(
        "[Once upon a time, there [was|lived] {a_hero}.|Once upon a time, there [was|lived] "
        "{a_hero}."
        "|Once upon a time, there was {a_hero}.|There once was {a_hero}.]");
    for (const std::string_view beat : plot) text += " " + expand(beat);
    return text;
  }

 private:
  template <typename Table>
  const auto& pick(const Table& table) {
    return table[random_.below(table.size())];
  }
  std::string choose(std::initializer_list<const char*> options) {
    return options.begin()[random_.below(options.size())];
  }

  void meet_hero() {
    const std::string trait = choose({"little", "kind", "small", "young", "happy", "shy"});
    Gender gender = Gender::kShe;
    if (random_.below(3) > 0) {
      const Person& child = pick(CHILDREN);
      gender = child.gender;
      known_["hero"] = child.name;
      known_["a_hero"] =
          "a " + trait + (gender == Gender::kShe ? " girl" : " boy") + " named " + child.name;
    } else {
      const Animal& animal = pick(ANIMALS);
      gender = animal.gender;
      hero_kind_ = animal.kind;
      known_["hero"] = animal.name;
      known_["a_hero"] = "a " + trait + " " + animal.kind + " named " + animal.name;
    }
    const bool she = gender == Gender::kShe;
    known_["he"] = she ? "she" : "he";
    known_["him"] = she ? "her" : "him";
    known_["his"] = she ? "her" : "his";
    known_["himself"] = she ? "herself" : "himself";
  }

  void meet_others() {
    const Animal* friendly = &pick(ANIMALS);
    while (friendly->kind == hero_kind_) friendly = &pick(ANIMALS);
    known_["friend"] = friendly->name;
    known_["kind"] = friendly->kind;
    known_["food"] = friendly->food;

    const Place& place = pick(PLACES);
    known_["place"] = place.name;
    const std::size_t spot = random_.below(place.spots.size());
    known_["spot1"] = place.spots[spot];
    known_["spot2"] = place.spots[(spot + 1 + random_.below(3)) % place.spots.size()];

    const Thing& thing = pick(THINGS);
    known_["thing"] = thing.name;
    known_["cause"] = expand(thing.cause);

    struct Skill {
      const char* skill;
      const char* fail;
      const char* ground;
    };
    static constexpr std::array SKILLS = {
        Skill{"swim", "swallowed some water", "the lake"},
        Skill{"ride a bike", "fell off the bike", "the park"},
        Skill{"climb a tree", "slipped off the tree", "the forest"},
        Skill{"skate", "fell down", "the frozen pond"},
        Skill{"jump over a rope", "tripped over the rope", "the garden"}};
    const Skill& skill = pick(SKILLS);
    known_["skill"] = skill.skill;
    known_["fail"] = skill.fail;
    known_["ground"] = skill.ground;

    known_["color"] = choose({"red", "blue", "green", "yellow", "purple", "white"});
    known_["parent"] = choose({"mom", "dad", "grandma", "grandpa"});
    known_["bird"] = choose({"robin", "sparrow", "pigeon", "dove"});
    known_["cover"] = choose({"coat", "hat", "umbrella"});
    known_["blanket"] = choose({"blanket", "pillow"});
    known_["toy"] = choose({"teddy bear", "toy dog", "toy lion"});
    known_["toy2"] = choose({"train", "scooter", "robot", "drum", "boat"});
    known_["low"] = choose({"two", "three"});
    known_["high"] = choose({"five", "eight", "ten"});
    known_["fragile"] = choose({"cup", "vase", "plate", "lamp"});
    known_["pest"] = choose({"snail", "goat", "bug"});
    known_["crop"] = choose({"pumpkin", "tomato", "melon", "pepper"});
    known_["gift"] = choose({"flower", "berry", "shiny stone"});
  }

  std::string look_up(std::string_view key) const {
    std::string name(key);
    const bool capital = std::isupper(static_cast<unsigned char>(name[0])) != 0;
    name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));
    const auto found = known_.find(name);
    if (found == known_.end()) throw std::logic_error("the story knows no {" + name + "}");
    std::string value = found->second;
    if (capital) value[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(value[0])));
    return value;
  }

  // The options of the bracket that opens at text[*at]; leaves *at behind its close.
  static std::vector<std::string_view> options_of(std::string_view text, std::size_t* at) {
    std::vector<std::string_view> options;
    std::size_t start = *at + 1;
    for (int depth = 0;; ++*at) {
      const char c = text.at(*at);
      if (c == '[') ++depth;
      if ((c == '|' && depth == 1) || (c == ']' && depth == 1)) {
        options.push_back(text.substr(start, *at - start));
        start = *at + 1;
      }
      if (c == ']' && --depth == 0) break;
    }
    ++*at;
    return options;
  }

  std::string expand(std::string_view text) {
    std::string told;
    for (std::size_t at = 0; at < text.size();) {
      if (text[at] == '[') {
        told += expand(pick(options_of(text, &at)));
      } else if (text[at] == '{') {
        const std::size_t end = text.find('}', at);
        told += look_up(text.substr(at + 1, end - at - 1));
        at = end + 1;
      } else {
        told += text[at++];
      }
    }
    return told;
  }

  Random random_;
  std::string_view hero_kind_;
  std::map<std::string, std::string> known_;
};

}  // namespace

std::string story(std::uint64_t seed, std::uint64_t index) {
  Random mix(seed);
  return Teller(Random(mix.next() + index * 0xD1342543DE82EF95u)).tell();
}

}  // namespace assay::reference
