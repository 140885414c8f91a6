#include "pipe/flow.h"

#include <utility>

#include "pipe/threads.h"

namespace penstock {

Flow::Flow(PipeContext context, Position level, bool always_hurry)
    : context_(std::move(context)), level_(std::move(level)) {
    signals_.hurry = true;
    signals_.acknowledged = [this, always_hurry](const Position& position) {
        std::lock_guard lock(mutex_);
        known_ = true;
        acknowledged_ = position;
        if (!always_hurry && (level_.none() || position.reached(level_))) signals_.hurry = false;
        changed_.notify_all();
    };
    thread_ = start_thread([this](const std::stop_token& stop) { run(stop); });
}

Flow::~Flow() {
    stop();
}

void Flow::run(const std::stop_token& stop) {
    std::function<void()> failed;
    try {
        follow_changes(context_, stop, signals_);
        return;
    } catch (...) {
        std::lock_guard lock(mutex_);
        error_ = std::current_exception();
        failed = failed_;
        changed_.notify_all();
    }
    if (failed) failed();
}

void Flow::stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
}

bool Flow::wait_until_level(const std::stop_token& stop) {
    return wait_until_reached(level_, stop);
}

bool Flow::wait_until_reached(const Position& position, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    auto reached = [&] { return known_ && (position.none() || acknowledged_.reached(position)); };
    changed_.wait(lock, stop, [&] { return error_ != nullptr || reached(); });
    if (error_) std::rethrow_exception(error_);
    return reached();
}

void Flow::wait(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return error_ != nullptr; });
    if (error_) std::rethrow_exception(error_);
}

bool Flow::has_failed() const {
    std::lock_guard lock(mutex_);
    return error_ != nullptr;
}

void Flow::on_failure(std::function<void()> callback) {
    std::unique_lock lock(mutex_);
    failed_ = std::move(callback);
    if (error_ && failed_) {
        auto failed = failed_;
        lock.unlock();
        failed();
    }
}

}  // namespace penstock
