#!/bin/bash
# The shop's daily business as SQL on standard output: inserts, updates, deletes, key changes, transactions of
# several rows and one that is rolled back. About 80 changed rows a second, COUNT rounds of a tenth of a second.
set -euo pipefail
count=${1:-1000000}

for ((round = 1; round <= count; round++)); do
    order=$((200000 + round))
    cat <<SQL
START TRANSACTION;
INSERT INTO orders (id, customer_id, total, created_at) VALUES ($order, 1 + CRC32($round) MOD 60000, 99.90, NOW(6));
INSERT INTO order_items VALUES ($order, 1, 'SKU-000001', 2, 19.95), ($order, 2, 'SKU-000002', 1, 60.00);
UPDATE products SET stock = stock - 2 WHERE sku = 'SKU-000001';
COMMIT;
UPDATE orders SET status = 'paid', note = 'bezahlt ✓' WHERE id = $((order - 3));
UPDATE customers SET tier = 'gold', newsletter = NOT newsletter WHERE id = 1 + CRC32($round * 3) MOD 60000;
DELETE FROM order_items WHERE order_id = 1 + CRC32($round * 5) MOD 120000 AND line = 1;
INSERT INTO customers (name, email, city, created_at) VALUES ('Neu $round', 'neu$round@example.com', 'Wien', NOW(3));
SQL
    if ((round % 10 == 0)); then
        cat <<SQL
UPDATE products SET sku = CONCAT('NEW-', LPAD($round, 6, '0')) WHERE sku = CONCAT('SKU-', LPAD($((100 + round / 10)), 6, '0'));
DELETE FROM orders WHERE id = $((order - 7));
START TRANSACTION;
UPDATE customers SET city = 'nowhere' WHERE id < 100;
ROLLBACK;
UPDATE orders SET total = total + 0.01 WHERE customer_id = 1 + CRC32($round) MOD 60000;
SQL
    fi
    # Pacing only: nothing relies on it.
    sleep 0.1
done
