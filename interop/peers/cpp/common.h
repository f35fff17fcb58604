// What the client and the server share: the flags of the gRPC project's own programs, in the form --name=value.
#ifndef CAROM_INTEROP_COMMON_H_
#define CAROM_INTEROP_COMMON_H_

#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

#include <grpcpp/grpcpp.h>

constexpr char kEchoInitial[] = "x-grpc-test-echo-initial";
constexpr char kEchoTrailing[] = "x-grpc-test-echo-trailing-bin";

// The library tells this to tests only: the flags of the message that a call received last. The bit is set for one
// that came compressed. No header that is installed declares either.
uint32_t grpc_call_test_only_get_message_flags(grpc_call* call);
constexpr uint32_t kWasCompressed = 0x40000000u;

class Flags {
 public:
  Flags(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      const size_t equals = word.find('=');
      if (word.compare(0, 2, "--") != 0 || equals == std::string::npos) {
        throw std::runtime_error("\"" + word + "\" is not of the form --name=value");
      }
      values_[word.substr(2, equals - 2)] = word.substr(equals + 1);
    }
  }

  std::string Text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw std::runtime_error("--" + name + " is needed");
    return found->second;
  }

  int Number(const std::string& name) const {
    try {
      return std::stoi(Text(name));
    } catch (const std::logic_error&) {
      throw std::runtime_error("--" + name + " cannot be \"" + Text(name) + "\"");
    }
  }

  bool On(const std::string& name) const {
    const auto found = values_.find(name);
    return found != values_.end() && found->second == "true";
  }

  std::string File(const std::string& name) const {
    std::ifstream file(Text(name), std::ios::binary);
    if (!file) throw std::runtime_error("--" + name + ": cannot read " + Text(name));
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
  }

 private:
  std::map<std::string, std::string> values_;
};

#endif  // CAROM_INTEROP_COMMON_H_
