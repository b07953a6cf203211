#include "drivers/postgres/fresh_cluster.h"

#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/users.h"

namespace ytb::postgres {

Status make_fresh_cluster(const ports::InstanceSpec& spec, const std::string& bin_dir,
                          const std::string& owner, const StopFlag* stop) {
  constexpr auto kInitdbMax = std::chrono::minutes(5);
  YTB_TRY(os::make_folder(spec.root, 0711));
  YTB_ASSIGN(os::User user, os::find_user(spec.run_as));
  for (const std::string& folder : {spec.data(), spec.run(), spec.log()})
    YTB_TRY(os::make_folder(folder, 0700, user));
  auto made = os::run_checked({.argv = {os::join_path(bin_dir, "initdb"), "-D", spec.data(), "-U", owner,
                                        "-A", "reject", "-E", "UTF8", "--locale=C", "--no-sync"},
                               .run_as = spec.run_as,
                               .timeout = kInitdbMax,
                               .stop = stop});
  return made.ok() ? Status() : Status(std::move(made).error());
}

}  // namespace ytb::postgres
