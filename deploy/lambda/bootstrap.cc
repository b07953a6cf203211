// bootstrap: what Lambda's `provided.al2023` starts, and nothing but a launcher of the program beside it.
//
// Amazon Linux 2023 has an older C library than the machine this was built on, so the zip carries its own:
// the program runs under the dynamic loader in lib/, which finds libraries in lib/ alone. Linked statically,
// for it must start where there is nothing at all; not even a shell.
//
// Without arguments it is `yesterdaytabase lambda`, else the arguments are passed on: `bootstrap version`
// says what is inside. Exit status 127 where the program cannot be started.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <initializer_list>

namespace {

// Room for an absolute path and what is hung on to it.
constexpr size_t kPathMax = PATH_MAX + 64;
constexpr int kArgumentsMax = 64;

struct Path {
  char text[kPathMax];
};

// The folder this file lies in; "." where nothing says so.
Path own_folder() {
  Path path{};
  ssize_t length = readlink("/proc/self/exe", path.text, PATH_MAX - 1);
  if (length <= 0) {  // no /proc here
    const char* started_as = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
    snprintf(path.text, PATH_MAX, "%s", started_as != nullptr ? started_as : "");
  }
  char* slash = strrchr(path.text, '/');
  if (slash == nullptr) {
    snprintf(path.text, PATH_MAX, ".");
  } else {
    *(slash == path.text ? slash + 1 : slash) = '\0';
  }
  return path;
}

Path below(const Path& folder, const char* name) {
  Path path{};
  snprintf(path.text, kPathMax, "%.*s/%s", PATH_MAX, folder.text, name);
  return path;
}

// The system's authorities are kept up to date by AWS: the ones in the zip are for where there are none.
void choose_authorities(const Path& folder) {
  for (const char* variable : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* value = getenv(variable);
    if (value != nullptr && *value != '\0') return;
  }
  for (const char* system_file : {"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"}) {
    if (access(system_file, R_OK) == 0) return;
  }
  Path ours = below(folder, "share/ca-certificates.crt");
  if (access(ours.text, R_OK) == 0) setenv("SSL_CERT_FILE", ours.text, 1);
}

}  // namespace

int main(int argc, char** argv) {
  Path folder = own_folder();
  choose_authorities(folder);
  Path loader = below(folder, "lib/ld.so");
  Path libraries = below(folder, "lib");
  Path program = below(folder, "yesterdaytabase");
  const char* arguments[kArgumentsMax + 8] = {loader.text, "--library-path",  libraries.text,
                                              "--argv0",   "yesterdaytabase", program.text};
  int count = 6;
  if (argc <= 1) arguments[count++] = "lambda";
  if (argc - 1 > kArgumentsMax) {
    fprintf(stderr, "bootstrap: more than %d arguments\n", kArgumentsMax);
    return 127;
  }
  for (int i = 1; i < argc; ++i) arguments[count++] = argv[i];
  execv(loader.text, const_cast<char* const*>(arguments));
  perror(loader.text);
  return 127;
}
