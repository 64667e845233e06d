// A root directory of a test's own: files, links and folders as a machine would have them, removed
// with it.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "firmware/base/check.h"

namespace evenkeel {

class FakeRoot {
 public:
  FakeRoot() {
    std::string name = std::filesystem::temp_directory_path() / "evenkeel-XXXXXX";
    CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~FakeRoot() { std::filesystem::remove_all(path_); }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  const std::string& path() const { return path_; }
  std::string at(const std::string& name) const { return path_ + name; }
  bool has(const std::string& name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(at(name)));
  }

  void write(const std::string& name, const std::string& text) const {
    make_folder_of(name);
    std::ofstream(at(name)) << text;
  }
  void link(const std::string& name, const std::string& target) const {
    make_folder_of(name);
    std::filesystem::create_symlink(target, at(name));
  }
  void make_folder(const std::string& name) const { std::filesystem::create_directories(at(name)); }

 private:
  void make_folder_of(const std::string& name) const {
    std::filesystem::create_directories(std::filesystem::path(at(name)).parent_path());
  }

  std::string path_;
};

}  // namespace evenkeel
