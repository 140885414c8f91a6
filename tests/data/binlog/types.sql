-- Every type and its edge values, for both flavours. See README.md.
SET NAMES utf8mb4;
SET time_zone = '+00:00';
SET sql_mode = 'ALLOW_INVALID_DATES';
CREATE DATABASE golden CHARACTER SET utf8mb4;
USE golden;
CREATE TABLE types (
    id int NOT NULL PRIMARY KEY,
    i8 tinyint, u8 tinyint unsigned, b tinyint(1), i16 smallint, u16 smallint unsigned, i24 mediumint,
    u24 mediumint unsigned, i32 int, u32 int unsigned, i64 bigint, u64 bigint unsigned, z int(8) unsigned zerofill,
    d5_5 decimal(5,5), d9_2 decimal(9,2), d18_9 decimal(18,9), d38_10 decimal(38,10), d65_30 decimal(65,30),
    f float, r double, bit1 bit(1), bit9 bit(9), bit64 bit(64),
    c_utf8 char(10), c_latin1 char(10) character set latin1, c_sjis char(10) character set sjis,
    v_utf8 varchar(300), v_cp1251 varchar(20) character set cp1251, v_ucs2 varchar(20) character set ucs2,
    t_tiny tinytext, t_text text character set latin1, t_medium mediumtext, t_long longtext,
    bin4 binary(4), vbin varbinary(300), b_tiny tinyblob, b_blob blob, b_medium mediumblob, b_long longblob,
    day date, dt datetime, dt1 datetime(1), dt6 datetime(6), ts timestamp NULL, ts3 timestamp(3) NULL,
    ts6 timestamp(6) NULL, tm time, tm2 time(2), tm6 time(6), y year,
    e enum('', 'a', 'b''c', 'é'), e_latin1 enum('é', 'ü') character set latin1,
    s set('x', 'y', 'z''w', 'é') COLLATE utf8mb4_bin, s64 set('1','2','3','4','5','6','7','8','9','10','11','12','13',
    '14','15','16','17','18','19','20','21','22','23','24','25','26','27','28','29','30','31','32','33'),
    j json, shape point, stored_one bigint AS (id * 2) STORED, virtual_one bigint AS (id * 3) VIRTUAL
);
INSERT INTO types (id) VALUES (0);
INSERT INTO types VALUES (1, -128, 0, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808, 0, 0,
    -0.99999, -9999999.99, -999999999.999999999, -9999999999999999999999999999.9999999999,
    -99999999999999999999999999999999999.999999999999999999999999999999,
    -3.4028234663852886e38, -1.7976931348623157e308, 0, 0, 0, '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '',
    '0000-00-00', '0000-00-00 00:00:00', '1000-01-01 00:00:00.1', '1899-12-31 23:59:59.999999', '0000-00-00 00:00:00',
    '1970-01-01 00:00:01', '1970-01-01 00:00:01.000001', '-838:59:59', '-00:00:00.01', '-838:59:58.999999', 0,
    0, 0, 0, 0, '{}', ST_GeomFromText('POINT(1 2)'), DEFAULT, DEFAULT);
INSERT INTO types VALUES (2, 127, 255, 1, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295, 9223372036854775807,
    18446744073709551615, 42, 0.99999, 9999999.99, 999999999.999999999, 9999999999999999999999999999.9999999999,
    99999999999999999999999999999999999.999999999999999999999999999999,
    1.17549435e-38, 5e-324, 1, 511, 18446744073709551615, ' a b ', 'é€', 'ソ表', repeat('€', 300), 'Привет', 'ü字',
    'tiny', repeat('ÿ', 400), repeat('m', 300), 'long', x'00ff', x'002000', x'00', repeat(x'fe', 300), '', x'0d0a00',
    '2299-12-31', '2024-02-29 12:34:56', '2299-12-31 23:59:59.9', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07',
    '2038-01-19 03:14:07.999', '2001-09-09 01:46:40.123456', '838:59:59', '-00:00:01.99', '838:59:58.999999', 2155,
    4, 2, 15, 8589934591, '{"bb": 1.0, "a": [null, true, "é\\n\\u0001"], "": -0.5e-20}', NULL, DEFAULT, DEFAULT);
INSERT INTO types VALUES (3, 1, 2, 2, 3, 4, -5, 6, -7, 8, -9, 10, 11, 0.00001, 1.10, -0.000000001, 1, 0.000000000000000000000000000001,
    0.1, 0.1, 1, 256, 4611686018427387905, '  ', 'ÿ', 'a\\~', 'it''s', 'ё', 'é', 'x', 'y', 'z', repeat('l', 300), x'20202020', '', 'b',
    'c', repeat(x'01', 300), 'd', '2024-02-31', '2024-00-15 01:02:03', '1969-12-31 23:59:59.9', '1900-01-01 00:00:00.000001',
    '1970-01-01 00:00:01', '2024-12-31 23:59:59.999', '1999-12-31 23:59:59.5', '00:00:00', '12:34:56.78', '-00:00:00.000001', 1901,
    3, 1, 5, 1, concat('["', repeat('k', 200), '", 18446744073709551615, -9223372036854775808, 1e15, 65536]'), NULL, DEFAULT, DEFAULT);
UPDATE types SET i32 = i32 + 1, v_utf8 = concat('new ', id) WHERE id IN (2, 3) ORDER BY id;
DELETE FROM types WHERE id = 0;
