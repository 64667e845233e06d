#include "firmware/change/loose_objects.h"

#include <git2/sys/odb_backend.h>
#include <sys/stat.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/change/files.h"

namespace evenkeel {
namespace {

// The largest texts, and trees and notes of very many generations.
constexpr size_t kMaxObject = 4 * kMaxSettingsBytes;

// "blob 123", a zero byte, the content; all of it compressed.
std::string with_header(git_object_t type, std::string_view content) {
  std::string whole = git_object_type2string(type);
  whole.append(" ").append(std::to_string(content.size())).push_back('\0');
  return whole.append(content);
}

std::optional<std::string> compressed(const std::string& whole) {
  uLongf length = compressBound(whole.size());
  std::string result(length, '\0');
  const int error =
      compress2(reinterpret_cast<Bytef*>(result.data()), &length,
                reinterpret_cast<const Bytef*>(whole.data()), whole.size(), Z_DEFAULT_COMPRESSION);
  if (error != Z_OK) return std::nullopt;
  result.resize(length);
  return result;
}

// None: it is cut short, followed by something, damaged, or too much.
std::optional<std::string> decompressed(std::string_view file) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return std::nullopt;
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> ended(&stream, inflateEnd);
  std::string input(file);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  std::string whole;
  std::array<char, 16'384> piece{};
  int state = Z_OK;
  while (state == Z_OK && whole.size() <= kMaxObject) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    state = inflate(&stream, Z_NO_FLUSH);
    whole.append(piece.data(), piece.size() - stream.avail_out);
  }
  if (state != Z_STREAM_END || stream.avail_in != 0) return std::nullopt;
  return whole;
}

std::optional<LooseObject> parsed(const std::string& whole) {
  const size_t space = whole.find(' ');
  const size_t end = whole.find('\0');
  if (space == std::string::npos || end == std::string::npos || end < space) return std::nullopt;
  LooseObject object{.type = git_object_string2type(whole.substr(0, space).c_str()),
                     .content = whole.substr(end + 1)};
  const std::string size = whole.substr(space + 1, end - space - 1);
  if (object.type == GIT_OBJECT_INVALID || size != std::to_string(object.content.size())) {
    return std::nullopt;
  }
  return object;
}

std::optional<std::string> hashed(git_object_t type, std::string_view content) {
  git_oid oid{};
  if (git_odb_hash(&oid, content.data(), content.size(), type) != 0) return std::nullopt;
  return id_of(oid);
}

}  // namespace

LooseObjects::LooseObjects(std::string folder) : folder_(std::move(folder)) {}

std::string LooseObjects::folder_of_object(const std::string& id) const {
  return folder_ + "/" + id.substr(0, 2);
}

Result<std::optional<LooseObject>> LooseObjects::read(const std::string& id) const {
  const std::string path = folder_of_object(id) + "/" + id.substr(2);
  const Result<std::optional<std::string>> read = read_file(path, kMaxObject);
  if (!read.ok()) return Error{read.message()};
  const std::optional<std::string>& file = read.value();
  if (!file) return std::optional<LooseObject>();
  const std::optional<std::string> whole = decompressed(*file);
  std::optional<LooseObject> object = whole ? parsed(*whole) : std::nullopt;
  if (!object || hashed(object->type, object->content) != id) return Error{path + " is damaged"};
  return object;
}

Status LooseObjects::make_folder_of_object(const std::string& id) const {
  const std::string folder = folder_of_object(id);
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return Error{folder + " cannot be made: " + std::strerror(errno)};
  }
  return sync_folder(folder_);
}

bool LooseObjects::is_safe(const std::string& id) const {
  const auto object = read(id);
  // Whoever wrote it may have been killed before seeing to its folder.
  return object.ok() && object.value() && sync_folder(folder_of_object(id)).ok() &&
         sync_folder(folder_).ok();
}

Result<std::string> LooseObjects::write(git_object_t type, std::string_view content) const {
  const std::optional<std::string> id = hashed(type, content);
  if (!id || content.size() > kMaxObject) return Error{"an object cannot be hashed, or is too big"};
  if (is_safe(*id)) return *id;
  const std::optional<std::string> file = compressed(with_header(type, content));
  if (!file) return Error{"an object cannot be compressed"};
  Status status = make_folder_of_object(*id);
  if (status.ok()) {
    status = replace_file(folder_of_object(*id) + "/" + id->substr(2), *file,
                          folder_ + "/tmp_obj_evenkeel");
  }
  if (!status.ok()) return Error{status.message()};
  return *id;
}

namespace {

// As libgit2 knows it. It is told of a failure by a code; in place of what is damaged here it finds
// a whole one in a pack, if there is one.
struct Backend : git_odb_backend {
  explicit Backend(const std::string& folder) : git_odb_backend{}, objects(folder) {}

  const LooseObjects objects;
};

const LooseObjects& objects_of(git_odb_backend* backend) {
  return static_cast<Backend*>(backend)->objects;
}

std::optional<LooseObject> find_object(git_odb_backend* backend, const git_oid* oid) {
  Result<std::optional<LooseObject>> read = objects_of(backend).read(id_of(*oid));
  return read.ok() ? std::move(read.value()) : std::nullopt;
}

int read_object(void** ret_content, size_t* ret_size, git_object_t* ret_type,
                git_odb_backend* backend, const git_oid* oid) {
  const std::optional<LooseObject> object = find_object(backend, oid);
  if (!object) return GIT_ENOTFOUND;
  const std::string& content = object->content;
  void* copy = git_odb_backend_data_alloc(backend, content.size() + 1);
  if (copy == nullptr) return GIT_ERROR;
  std::memcpy(copy, content.c_str(), content.size() + 1);
  *ret_content = copy;
  *ret_size = content.size();
  *ret_type = object->type;
  return 0;
}

int read_object_header(size_t* ret_size, git_object_t* ret_type, git_odb_backend* backend,
                       const git_oid* oid) {
  const std::optional<LooseObject> object = find_object(backend, oid);
  if (!object) return GIT_ENOTFOUND;
  *ret_size = object->content.size();
  *ret_type = object->type;
  return 0;
}

int write_object(git_odb_backend* backend, const git_oid* /*oid*/, const void* content, size_t size,
                 git_object_t type) {
  const Result<std::string> written =
      objects_of(backend).write(type, {static_cast<const char*>(content), size});
  if (written.ok()) return 0;
  git_error_set_str(GIT_ERROR_ODB, written.message().c_str());
  return GIT_ERROR;
}

int has_object(git_odb_backend* backend, const git_oid* oid) {
  return find_object(backend, oid) ? 1 : 0;
}

int freshen_object(git_odb_backend* backend, const git_oid* oid) {
  return objects_of(backend).is_safe(id_of(*oid)) ? 0 : GIT_ENOTFOUND;
}

void free_backend(git_odb_backend* backend) { delete static_cast<Backend*>(backend); }

std::unique_ptr<Backend> make_backend(const std::string& folder) {
  auto backend = std::make_unique<Backend>(folder);
  CHECK(git_odb_init_backend(backend.get(), GIT_ODB_BACKEND_VERSION) == 0);
  backend->read = read_object;
  backend->read_header = read_object_header;
  backend->write = write_object;
  backend->exists = has_object;
  backend->freshen = freshen_object;
  backend->free = free_backend;
  return backend;
}

}  // namespace

Result<GitObjects> object_database(const std::string& folder) {
  git_odb* made = nullptr;
  if (git_odb_new(&made) != 0) return git_failure("no object database can be made");
  GitObjects objects(made);
  std::unique_ptr<Backend> backend = make_backend(folder);
  git_odb_backend* packs = nullptr;
  if (git_odb_backend_pack(&packs, folder.c_str()) != 0 ||
      git_odb_add_backend(made, packs, 1) != 0 ||
      git_odb_add_backend(made, backend.get(), 2) != 0) {
    return git_failure(folder + " cannot be used");
  }
  [[maybe_unused]] const Backend* owned_by_objects = backend.release();
  return objects;
}

}  // namespace evenkeel
