#include "drivers/postgres/searched_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "masking/copy_text.h"
#include "masking/names.h"

namespace ytb::postgres {

using masking::ColumnLook;

uint32_t add_place(ports::SurvivorSearch& search, std::string_view database, std::string_view what) {
  search.places.push_back(fmt::format("{} {}", printable(database), printable(what)));
  return static_cast<uint32_t>(search.places.size() - 1);
}

// -------------------------------------------------------------------------------------------------- looking

void ValueLooks::Counts::add(const Counts& more) {
  values += more.values;
  bytes += more.bytes;
  for (const auto& [relation, count] : more.too_long) too_long[relation] += count;
  for (const auto& [place, counts] : more.signs) {
    for (size_t sign = 0; sign < counts.size(); ++sign) signs[place][sign] += counts[sign];
  }
}

ValueLooks::ValueLooks(const ports::SurvivorSearch& search)
    : search_(search), looking_(search.originals, search.candidates) {}

void ValueLooks::look(const SearchedRelation& relation, const SearchedColumn& column,
                      std::string_view value) {
  ++counts_.values;
  count(column.place, look_at(relation, column, column.place, column.look, value, Learning::kYes));
}

bool ValueLooks::look_stored(const SearchedRelation& relation, const SearchedColumn& column, uint32_t place,
                             std::string_view value) {
  counts_.bytes += value.size();
  ++counts_.values;
  if (column.stored == StoredType::kText && !column.look.array) {
    count(place, look_at(relation, column, place, column.look, value, Learning::kYes));
    return true;
  }
  // Most documents and lists come again and again: those that held nothing are not taken apart once more.
  const bool again = masking::OriginalsSearch::may_come_again(value) &&
                     (column.look.array || column.stored == StoredType::kJsonb);
  const uint64_t stored = again ? looking_.token_of(place, value) : 0;
  if (again && looking_.is_known(stored)) return true;
  const Learning learning = again ? Learning::kNo : Learning::kYes;
  masking::Signs signs;
  bool is_one = true;
  const auto look_at_one = [&](const ColumnLook& as, std::string_view one) {
    text_.clear();
    is_one = is_one && append_stored_text(column.stored, one, text_);
    if (is_one) signs |= look_at(relation, column, place, as, text_, learning);
  };
  if (column.look.array) {
    ColumnLook element = column.look;
    element.array = false;
    const bool is_array = for_each_stored_element(column.stored, value,
                                                  [&](std::string_view one) { look_at_one(element, one); });
    is_one = is_one && is_array;
  } else {
    look_at_one(column.look, value);
  }
  count(place, signs);
  if (again && is_one && signs.none()) looking_.learn(stored);
  return is_one;
}

// Of a document that masking wrote and is none, nothing is masked.
masking::Signs ValueLooks::look_at(const SearchedRelation& relation, const SearchedColumn& column,
                                   uint32_t place, const ColumnLook& as, std::string_view value,
                                   Learning learning) {
  using Form = ColumnLook::Form;
  if (relation.encoding != nullptr && !masking::is_ascii(value)) {
    utf8_.clear();
    relation.encoding->append_readable(value, utf8_);
    value = utf8_;
  }
  if (column.kept != nullptr) {
    kept_.clear();
    if (column.kept->apply(value, {}, kept_) == masking::Applied::kReplaced) value = kept_;
  }
  if (learning == Learning::kYes) {
    looking_.look(place, as, value, search_.depth);
  } else {
    looking_.look_unlearned(place, as, value, search_.depth);
  }
  if (!search_.detectors || (as.form != Form::kText && as.form != Form::kJson)) return {};
  return masking::signs_in(value);
}

void ValueLooks::count(uint32_t place, masking::Signs signs) {
  if (signs.none()) return;
  masking::SignCounts& counts = counts_.signs[place];
  for (size_t sign = 0; sign < counts.size(); ++sign) counts[sign] += signs.test(sign) ? 1 : 0;
}

// -------------------------------------------------------------------------------------------------- lookers

Lookers::Lookers(ports::SurvivorSearch& search, std::string database)
    : search_(search), database_(std::move(database)) {
  const int threads = std::clamp(search.workers, 1, kThreadsMax);
  threads_.reserve(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Status Lookers::give(Batch batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return taken_bytes_ == 0 || taken_bytes_ + batch.lines.size() <= kBytesMax; });
  if (!failed_.ok()) return failed_;
  taken_bytes_ += batch.lines.size();
  waiting_.push_back(std::move(batch));
  changed_.notify_all();
  return {};
}

void Lookers::add(const ValueLooks::Counts& seen) {
  std::lock_guard lock(mutex_);
  seen_.add(seen);
}

void Lookers::tell_unread(const SearchedRelation& relation, const std::string& what) {
  std::string told = fmt::format("{} {} ({})", printable(database_), to_string(relation.name), what);
  std::lock_guard lock(mutex_);
  if (std::find(search_.unread.begin(), search_.unread.end(), told) == search_.unread.end())
    search_.unread.push_back(std::move(told));
}

uint32_t Lookers::place_of(const SearchedRelation& relation, const SearchedColumn& column,
                           std::string_view which) {
  std::lock_guard lock(mutex_);
  auto [known, fresh] = apart_.try_emplace({column.place, std::string(which)}, 0);
  if (fresh) {
    known->second =
        add_place(search_, database_, std::string(which) + masking::to_string(relation.name, column.name));
    search_.relations[known->second] = search_.relations.at(column.place);
  }
  return known->second;
}

Status Lookers::finish() {
  end();
  search_.values += seen_.values;
  search_.bytes += seen_.bytes;
  search_.signs.insert(seen_.signs.begin(), seen_.signs.end());  // of places that are looked at once
  for (const auto& [relation, count] : seen_.too_long) {
    search_.unread.push_back(fmt::format("{} {} ({} rows with values of more than {})", printable(database_),
                                         to_string(relation->name), with_commas(count),
                                         human_bytes(kValueBytesMax)));
  }
  return failed_;
}

void Lookers::end() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Lookers::work() {
  ValueLooks looks(search_);
  while (std::optional<Batch> batch = next()) {
    looks.counts().bytes += batch->lines.size();
    Status looked = look_at(*batch, looks);
    std::lock_guard lock(mutex_);
    if (!looked.ok() && failed_.ok()) failed_ = std::move(looked);
    taken_bytes_ -= batch->lines.size();
    changed_.notify_all();
  }
  looks.finish();
  add(looks.counts());
}

std::optional<Lookers::Batch> Lookers::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || !waiting_.empty(); });
  if (waiting_.empty()) return std::nullopt;
  Batch batch = std::move(waiting_.front());
  waiting_.pop_front();
  return batch;
}

Status Lookers::look_at(const Batch& batch, ValueLooks& looks) {
  const std::vector<SearchedColumn>& columns = batch.relation->columns;
  masking::CopyTextRow row(columns.size() + (batch.relation->counts_long ? 1 : 0));
  uint64_t number = batch.rows_before;
  std::string_view rest = batch.lines;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    YTB_TRY(row.read(rest.substr(0, end), ++number));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    for (size_t i = 0; i < columns.size(); ++i) {
      const std::optional<std::string_view>& value = row.fields()[i];
      if (value) looks.look(*batch.relation, columns[i], *value);
    }
    if (batch.relation->counts_long && row.fields().back() != std::string_view("0"))
      ++looks.counts().too_long[batch.relation];
  }
  return {};
}

}  // namespace ytb::postgres
