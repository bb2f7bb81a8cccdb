-- What the peers that have no projections of their own write into: the tables that customers read.

CREATE TABLE book_catalog (
    book_id uuid PRIMARY KEY,
    title text NOT NULL,
    author text NOT NULL,
    isbn text,
    price numeric NOT NULL
);

CREATE TABLE order_summary (
    order_id uuid PRIMARY KEY,
    customer_name text NOT NULL,
    book_title text NOT NULL,
    quantity bigint NOT NULL,
    unit_price numeric NOT NULL,
    total numeric NOT NULL
);
