// bootstrap: what Lambda's `provided.al2023` starts, and nothing but a launcher of the program beside it.
//
// Amazon Linux 2023 has an older C library than the machine this was built on, so the zip carries its own:
// the program runs under the dynamic loader in lib/, which finds libraries in lib/ alone. Without any library
// itself (a static C library would be 300 KB of the zip): it must start where there is nothing at all, not
// even a shell, and needs a handful of system calls.
//
// Without arguments it is `yesterdaytabase lambda`, else the arguments are passed on: `bootstrap version`
// says what is inside. Exit status 127 where the program cannot be started.
extern "C" {
[[noreturn]] void launch(long* stack);
void* memset(void* to, int value, unsigned long count);
void* memcpy(void* to, const void* from, unsigned long count);
}

#if defined(__x86_64__)
asm(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call launch\n");
#elif defined(__aarch64__)
asm(".globl _start\n_start: mov x0, sp\n bl launch\n");
#else
#error "Lambda runs x86_64 and arm64"
#endif

namespace {

constexpr long kPathMax = 4096;
constexpr long kArgumentsMax = 64;
constexpr long kVariablesMax = 4096;
constexpr long kHere = -100;   // AT_FDCWD
constexpr long kReadable = 4;  // R_OK
constexpr int kCannotStart = 127;

// Linux's numbers of the calls: x86_64 and the generic ones.
#if defined(__x86_64__)
enum Call : long { kWrite = 1, kExecve = 59, kExit = 60, kReadlinkat = 267, kFaccessat = 269 };
long call(Call number, long first, long second = 0, long third = 0, long fourth = 0) {
  long result = number;
  register long r10 asm("r10") = fourth;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(first), "S"(second), "d"(third), "r"(r10)
               : "rcx", "r11", "memory");
  return result;
}
#else
enum Call : long { kWrite = 64, kExecve = 221, kExit = 93, kReadlinkat = 78, kFaccessat = 48 };
long call(Call number, long first, long second = 0, long third = 0, long fourth = 0) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = first;
  register long x1 asm("x1") = second;
  register long x2 asm("x2") = third;
  register long x3 asm("x3") = fourth;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#endif

long address(const void* pointer) { return reinterpret_cast<long>(pointer); }

long length_of(const char* text) {
  long length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

// Whether `variable` is "name=" with something behind it.
bool is_set(const char* variable, const char* name) {
  long i = 0;
  while (name[i] != '\0' && variable[i] == name[i]) ++i;
  return name[i] == '\0' && variable[i] == '=' && variable[i + 1] != '\0';
}

bool readable(const char* path) { return call(kFaccessat, kHere, address(path), kReadable) == 0; }

struct Path {
  char text[kPathMax + 64];
  long length;

  void append(const char* part) {
    for (long i = 0; part[i] != '\0' && length < kPathMax + 63; ++i) text[length++] = part[i];
    text[length] = '\0';
  }
};

[[noreturn]] void fail(const char* what) {
  const char* begin = "bootstrap: cannot start ";
  call(kWrite, 2, address(begin), length_of(begin));
  call(kWrite, 2, address(what), length_of(what));
  call(kWrite, 2, address("\n"), 1);
  call(kExit, kCannotStart);
  __builtin_unreachable();
}

// The folder this file lies in, with a slash; "./" where nothing says so. Without /proc: of the name it was
// started by.
Path own_folder(const char* started_as) {
  Path path{};
  path.length = call(kReadlinkat, kHere, address("/proc/self/exe"), address(path.text), kPathMax);
  if (path.length <= 0) {
    path.length = 0;
    path.append(started_as);
  }
  while (path.length > 0 && path.text[path.length - 1] != '/') --path.length;
  path.text[path.length] = '\0';
  if (path.length == 0) path.append("./");
  return path;
}

}  // namespace

// What the compiler may call for loops and initialisations.
void* memset(void* to, int value, unsigned long count) {
  for (volatile char* at = static_cast<char*>(to); count > 0; --count) *at++ = static_cast<char>(value);
  return to;
}
void* memcpy(void* to, const void* from, unsigned long count) {
  const char* source = static_cast<const char*>(from);
  for (volatile char* at = static_cast<char*>(to); count > 0; --count) *at++ = *source++;
  return to;
}

// `stack`, as the kernel leaves it: the count of arguments, them, a null, the environment, a null.
void launch(long* stack) {
  const long argc = stack[0];
  char** argv = reinterpret_cast<char**>(stack + 1);
  char** environment = argv + argc + 1;
  if (argc - 1 > kArgumentsMax) fail("with so many arguments");
  const Path folder = own_folder(argc > 0 ? argv[0] : "");
  Path loader = folder, libraries = folder, program = folder, authorities{};
  loader.append("lib/ld.so");
  libraries.append("lib");
  program.append("yesterdaytabase");

  const char* variables[kVariablesMax + 2] = {};
  long count = 0;
  bool has_authorities =
      readable("/etc/pki/tls/certs/ca-bundle.crt") || readable("/etc/ssl/certs/ca-certificates.crt");
  for (; environment[count] != nullptr && count < kVariablesMax; ++count) {
    variables[count] = environment[count];
    has_authorities = has_authorities || is_set(variables[count], "CURL_CA_BUNDLE") ||
                      is_set(variables[count], "SSL_CERT_FILE");
  }
  // The system's are kept up to date by AWS: those in the zip are for where there are none.
  if (!has_authorities) {
    authorities.append("SSL_CERT_FILE=");
    authorities.append(folder.text);
    authorities.append("share/ca-certificates.crt");
    variables[count++] = authorities.text;
  }

  const char* arguments[kArgumentsMax + 8] = {loader.text, "--library-path",  libraries.text,
                                              "--argv0",   "yesterdaytabase", program.text};
  long at = 6;
  if (argc <= 1) arguments[at++] = "lambda";
  for (long i = 1; i < argc; ++i) arguments[at++] = argv[i];
  call(kExecve, address(loader.text), address(arguments), address(variables));
  fail(loader.text);
}
