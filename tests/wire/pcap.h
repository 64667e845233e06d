// Packets in and out of the programs that an oracle runs: pcap files, in this machine's byte order.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/wire/frame.h"

namespace evenkeel {

struct PcapFileHeader {
  uint32_t magic = 0xa1b2c3d4;
  uint16_t major = 2;
  uint16_t minor = 4;
  uint32_t zone = 0;
  uint32_t accuracy = 0;
  uint32_t snap_length = 65'535;
  uint32_t link_type = 1;  // Ethernet
};

struct PcapPacketHeader {
  uint32_t seconds = 0;
  uint32_t microseconds = 0;
  uint32_t length = 0;
  uint32_t length_sent = 0;
};

// Reads a file that has this machine's magic number. The frame ends where a sanitizer sees what is
// read or written beyond it, and has headroom.
class PcapReader {
 public:
  explicit PcapReader(const char* path) : file_(std::fopen(path, "rb")) {
    CHECK(file_ != nullptr);
    PcapFileHeader header;
    CHECK(std::fread(&header, sizeof(header), 1, file_) == 1);
    CHECK(header.magic == PcapFileHeader().magic);
  }
  ~PcapReader() { std::fclose(file_); }
  PcapReader(const PcapReader&) = delete;
  PcapReader& operator=(const PcapReader&) = delete;

  // False at the file's end. The frame is valid until the next call.
  bool next(Frame& ret_frame) {
    PcapPacketHeader header;
    if (std::fread(&header, sizeof(header), 1, file_) != 1) return false;
    CHECK(header.length <= bytes_.size() - kFrameHeadroom);
    uint8_t* const data = bytes_.data() + bytes_.size() - header.length;
    CHECK(std::fread(data, 1, header.length, file_) == header.length);
    ret_frame = Frame{.data = data, .length = header.length};
    return true;
  }

 private:
  std::FILE* file_;
  std::array<uint8_t, 65'535 + kFrameHeadroom> bytes_{};
};

class PcapWriter {
 public:
  explicit PcapWriter(const char* path) : file_(std::fopen(path, "wb")) {
    CHECK(file_ != nullptr);
    const PcapFileHeader header;
    CHECK(std::fwrite(&header, sizeof(header), 1, file_) == 1);
  }
  ~PcapWriter() { CHECK(std::fclose(file_) == 0); }
  PcapWriter(const PcapWriter&) = delete;
  PcapWriter& operator=(const PcapWriter&) = delete;

  void write(const Frame& frame) {
    const PcapPacketHeader header{.length = frame.length, .length_sent = frame.length};
    CHECK(std::fwrite(&header, sizeof(header), 1, file_) == 1);
    CHECK(std::fwrite(frame.data, frame.length, 1, file_) == 1);
  }

 private:
  std::FILE* file_;
};

}  // namespace evenkeel
