-- A small shop: 60,000 customers, 2,000 products, 120,000 orders with about 300,000 items.
-- Everything is computed from the row's number, so each demo starts from the same data.

CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;

CREATE TABLE customers (
    id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(80) NOT NULL,
    email VARCHAR(120) NOT NULL,
    city VARCHAR(60) NOT NULL,
    tier ENUM('basic', 'silver', 'gold') NOT NULL DEFAULT 'basic',
    newsletter BOOLEAN NOT NULL DEFAULT FALSE,
    birthday DATE NULL,
    created_at DATETIME(3) NOT NULL,
    KEY (city)
);

CREATE TABLE products (
    sku VARCHAR(12) NOT NULL PRIMARY KEY,
    title VARCHAR(120) NOT NULL,
    price DECIMAL(10, 2) NOT NULL,
    stock INT NOT NULL,
    tags SET('new', 'sale', 'eco', 'gift') NOT NULL DEFAULT '',
    weight_kg DOUBLE NULL,
    updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
);

CREATE TABLE orders (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    customer_id INT UNSIGNED NOT NULL,
    status ENUM('new', 'paid', 'shipped', 'returned') NOT NULL DEFAULT 'new',
    total DECIMAL(12, 2) NOT NULL,
    note TEXT NULL,
    created_at DATETIME(6) NOT NULL,
    KEY (customer_id)
);

CREATE TABLE order_items (
    order_id BIGINT UNSIGNED NOT NULL,
    line SMALLINT UNSIGNED NOT NULL,
    sku VARCHAR(12) NOT NULL,
    quantity INT NOT NULL,
    price DECIMAL(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

INSERT INTO customers (id, name, email, city, tier, newsletter, birthday, created_at)
SELECT seq,
       CONCAT(ELT(1 + seq MOD 8, 'Ada', 'Björn', 'Chloé', 'Dmitri', 'Eun-ji', 'Fatima', 'Goro', 'Hana'), ' ',
              ELT(1 + seq DIV 8 MOD 7, 'Weber', 'Núñez', 'Kowalski', 'Okafor', '김', 'Tanaka', 'O''Hara'), ' ', seq),
       CONCAT('customer', seq, '@example.com'),
       ELT(1 + CRC32(seq) MOD 6, 'Berlin', 'São Paulo', 'Seoul', 'Lagos', 'Zürich', '東京'),
       1 + CRC32(seq * 3) MOD 3,
       CRC32(seq * 5) MOD 2,
       IF(seq MOD 10 = 0, NULL, '1950-01-01' + INTERVAL CRC32(seq * 7) MOD 20000 DAY),
       '2020-01-01' + INTERVAL CRC32(seq * 11) MOD 157680000 SECOND
  FROM seq_1_to_60000;

INSERT INTO products (sku, title, price, stock, tags, weight_kg)
SELECT CONCAT('SKU-', LPAD(seq, 6, '0')),
       CONCAT(ELT(1 + seq MOD 5, 'Lamp', 'Chair', 'Teapot', 'Bicycle', 'Kite'), ' No. ', seq),
       1 + CRC32(seq) MOD 50000 / 100,
       CRC32(seq * 3) MOD 500,
       seq MOD 16,
       IF(seq MOD 20 = 0, NULL, CRC32(seq * 5) MOD 1000 / 7)
  FROM seq_1_to_2000;

INSERT INTO orders (id, customer_id, status, total, note, created_at)
SELECT seq,
       1 + CRC32(seq) MOD 60000,
       1 + CRC32(seq * 3) MOD 4,
       1 + CRC32(seq * 5) MOD 1000000 / 100,
       IF(seq MOD 3 = 0, CONCAT('Please ring twice, order ', seq, ' 🎁'), NULL),
       '2024-01-01' + INTERVAL CRC32(seq * 7) MOD 31536000 SECOND + INTERVAL seq MOD 1000000 MICROSECOND
  FROM seq_1_to_120000;

INSERT INTO order_items (order_id, line, sku, quantity, price)
SELECT o.seq, l.seq, CONCAT('SKU-', LPAD(1 + CRC32(o.seq * 10 + l.seq) MOD 2000, 6, '0')),
       1 + CRC32(o.seq + l.seq) MOD 5, 1 + CRC32(o.seq * l.seq) MOD 50000 / 100
  FROM seq_1_to_120000 o JOIN seq_1_to_4 l ON l.seq <= 1 + o.seq MOD 4;

CREATE USER penstock@'%' IDENTIFIED BY '@PIPE_PASSWORD@';
GRANT SELECT ON shop.* TO penstock@'%';
GRANT REPLICATION SLAVE, REPLICATION CLIENT, BINLOG MONITOR ON *.* TO penstock@'%';
