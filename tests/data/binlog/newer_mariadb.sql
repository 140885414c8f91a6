-- Types that not every flavour has, as MariaDB writes them. See README.md.
SET NAMES utf8mb4;
USE golden;
CREATE TABLE newer (
    id int NOT NULL PRIMARY KEY, u uuid, i4 inet4, i6 inet6, packed varchar(300) COMPRESSED, packed_bytes blob COMPRESSED,
    g geometry, line linestring, poly polygon, points multipoint, all_kinds geometrycollection, v int
);
INSERT INTO newer (id) VALUES (0);
INSERT INTO newer VALUES (1, '123e4567-e89b-12d3-a456-426655440000', '0.0.0.0', '::', '', '',
    ST_GeomFromText('POINT(0.1 -2)'), ST_GeomFromText('LINESTRING(0 0,1 1,2 0.30000000000000004)'),
    ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'), ST_GeomFromText('MULTIPOINT(0 0,1 2)'),
    ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))'), 1);
INSERT INTO newer VALUES (2, '0190163d-8694-739b-aea5-966c26f8ad91', '255.255.255.255', '2001:db8::1', repeat('é', 150), repeat(x'00ff', 200),
    ST_GeomFromText('POINT(10 20)', 4326), NULL,
    ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))'), NULL,
    ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),GEOMETRYCOLLECTION(LINESTRING(0 0,1 1)))'), 2);
INSERT INTO newer VALUES (3, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '192.0.2.1', '::ffff:192.0.2.1', 'x', NULL,
    ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))'),
    ST_GeomFromText('LINESTRING(1e300 5e-324,-1 -1)'), NULL, ST_GeomFromText('MULTIPOINT(3 4)'), NULL, 3);
UPDATE newer SET v = v + 1, i4 = '10.0.0.1' WHERE id IN (2, 3) ORDER BY id;
DELETE FROM newer WHERE id = 0;
