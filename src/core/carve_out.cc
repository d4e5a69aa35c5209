#include "core/carve_out.h"

#include <map>
#include <memory>

#include "base/path.h"

namespace leash::core {
namespace {

// The rules as a tree by path component.
struct Node {
  const PathRule* rule = nullptr;
  std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
};

struct Rights {
  Access access = Access::kNone;
  bool device = false;

  bool operator==(const Rights&) const = default;
};

Rights And(Rights a, Rights b) { return {a.access & b.access, a.device && b.device}; }
Rights Or(Rights a, Rights b) { return {a.access | b.access, a.device || b.device}; }

class Carver {
 public:
  explicit Carver(const base::FileSystem& files) : files_(files) {}

  std::vector<SubtreeGrant> Run(const std::vector<PathRule>& rules) {
    Node root;
    for (const PathRule& rule : rules) {
      Node* node = &root;
      for (const std::string_view part : base::Components(rule.path)) {
        auto& child = node->children[std::string(part)];
        if (child == nullptr) child = std::make_unique<Node>();
        node = child.get();
      }
      node->rule = &rule;
    }
    Visit(root, "/", {}, {});
    return std::move(grants_);
  }

 private:
  static Rights RightsOf(const Node& node, Rights inherited) {
    return node.rule == nullptr ? inherited : Rights{node.rule->access, node.rule->device};
  }

  // What is allowed at the node and at every rule below it.
  static Rights Floor(const Node& node, Rights inherited) {
    Rights floor = RightsOf(node, inherited);
    const Rights own = floor;
    for (const auto& [name, child] : node.children) floor = And(floor, Floor(*child, own));
    return floor;
  }

  static bool Adds(Rights rights, Rights granted) { return Or(rights, granted) != granted; }

  // `granted` is what grants above already give here.
  void Visit(const Node& node, const std::string& path, Rights inherited, Rights granted) {
    const Rights own = RightsOf(node, inherited);
    const Rights floor = Floor(node, inherited);
    const Rights here = Or(granted, floor);
    // A rule that opens something was made from something that exists. A directory in between may only be the way to
    // a closed name that does not exist yet.
    if (Adds(own, granted) && (node.rule != nullptr || files_.TypeOf(path).has_value())) {
      if (Adds(floor, granted)) grants_.push_back({path, floor.access, floor.device, false});
      if (Adds(own, here)) GrantSiblings(node, path, own);
    }
    for (const auto& [name, child] : node.children) Visit(*child, base::JoinPath(path, name), own, here);
  }

  void GrantSiblings(const Node& node, const std::string& path, Rights own) {
    const auto entries = files_.List(path);
    if (!entries.ok()) return;  // not ours to list: then its children stay closed
    for (const base::DirectoryEntry& entry : *entries) {
      // What a link leads to has a path of its own, and its own rule.
      if (entry.type == base::FileType::kSymlink || node.children.contains(entry.name)) continue;
      grants_.push_back({base::JoinPath(path, entry.name), own.access, own.device, true});
    }
  }

  const base::FileSystem& files_;
  std::vector<SubtreeGrant> grants_;
};

}  // namespace

std::vector<SubtreeGrant> CarveOut(const std::vector<PathRule>& rules, const base::FileSystem& files) {
  return Carver(files).Run(rules);
}

}  // namespace leash::core
