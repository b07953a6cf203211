// The shape of sampled JSON documents: which values stand where, and which objects are keyed by data. Private
// to the masking room.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "masking/known_names.h"

namespace ytb::masking {

class JsonTree {
 public:
  // Steps from the document down, as a policy writes them: ".contact", "[\"a-b\"]", "[*]", ".*".
  using Steps = std::vector<std::string>;
  static std::string path_of(const Steps& steps);  // "$.contact.email"

  static constexpr size_t kValuesMax = 200;  // of one place

  // Values that stand at one place.
  struct Leaf {
    std::vector<std::string> texts;
    bool whole = false;    // holds whole numbers
    bool decimal = false;  // holds other numbers
    bool truth = false;    // holds true or false
  };
  // A place's own name and the one above: "email", "contact"; elements are called what their list is.
  struct Names {
    std::string own;
    std::string above;
  };
  static Names names_of(const Steps& steps);

  // False: the document ends early or is none; what came before that counts.
  bool read(const std::string& document);
  // Makes one path, ".*", of members that are data: too many different ones to be a program's words.
  void join_by_number();
  // Of those that are names of people; `database`: of the document. Returns whether it joined any.
  bool join_by_names(const KnownNames& known, const std::string& database);

  [[nodiscard]] const std::map<Steps, Leaf>& leaves() const { return leaves_; }
  // Whether there are objects or lists at the place, too.
  [[nodiscard]] bool is_branch(const Steps& steps) const;
  // Objects whose members are data.
  struct Joined {
    Steps place;
    std::string known_from;             // the column that has their names; "": they are too many
    std::vector<std::string> branches;  // members that are called by name all the same, and hold more
  };
  [[nodiscard]] std::vector<Joined> joined() const;

 private:
  class Collector;
  struct Object {
    size_t seen = 0;
    std::map<std::string, size_t> members;  // by step: in how many
    bool joined = false;
    std::string known_from;
  };
  using Members = std::vector<std::string>;
  // Those that fewer than one in `share` objects of the place have.
  static Members rare_members(const Object& object, size_t share);
  static Members many_members(const Object& object);
  static Members named_members(Object& object, const KnownNames& known, const std::string& database);
  void join(const Steps& place, const Members& members);
  template <class MembersOf>
  bool join_where(const MembersOf& members_of);

  std::map<Steps, Leaf> leaves_;
  std::map<Steps, Object> objects_;
  std::set<Steps> lists_;
  size_t members_ = 0;  // of all objects
};

}  // namespace ytb::masking
