#include "pipe/seen_log.h"

#include <algorithm>
#include <vector>

#include "source/log_resume.h"

namespace penstock {

void note_seen(PipeContext& context, const Position& position) {
    Catalog& catalog = *context.catalog;
    catalog.raise_snapshot_high(context.pipe_id, position);
    if (context.spec.settings.mode == ReplicationMode::kSnapshot) return;  // no flow will go over it
    const FilePosition* file = position.file();
    FilePosition place;
    if (file != nullptr) {
        place = *file;
    } else if (const LogPlace* known = position.place()) {
        place = known->at;
    } else {
        return;  // GTIDs whose place the server did not tell
    }
    const std::vector<LogAnchor> seen = catalog.seen_log(context.pipe_id);
    const auto same = std::find_if(seen.begin(), seen.end(), [&](const LogAnchor& anchor) {
        return anchor.server == context.source_info.identity() && anchor.file == place.file;
    });
    LogAnchor anchor =
        same != seen.end() ? *same : anchor_at(context.spec.source, context.source_info, place);
    anchor.start = anchor.end = place.offset;
    catalog.raise_seen_log(context.pipe_id, anchor);
}

void require_seen_log(PipeContext& context, const Position& from,
                      const std::optional<std::vector<LogFile>>& files) {
    const std::vector<LogAnchor> seen = context.catalog->seen_log(context.pipe_id);
    if (seen.empty()) return;
    if (from.reached(context.catalog->snapshot_high_position(context.pipe_id)))
        return context.catalog->clear_seen_log(context.pipe_id);
    for (const LogAnchor& anchor : seen) {
        if (anchor.server == context.source_info.identity())
            require_seen(context.spec.source, context.source_info, files, anchor);
    }
}

}  // namespace penstock
