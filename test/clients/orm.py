#!/usr/bin/env python3
"""An ORM through the app port, SQLAlchemy over PyMySQL: orm.py PORT CA ("" in the clear)."""
import sys

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Unicode, create_engine, func, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import declarative_base, relationship, sessionmaker

port, ca = sys.argv[1:3]
url = f"mysql+pymysql://app:app-pw@127.0.0.1:{port}"
arguments = {"ssl": {"ca": ca}} if ca else {}
Base = declarative_base()


class Customer(Base):
    __tablename__ = "customer"
    id = Column(Integer, primary_key=True)
    name = Column(Unicode(80), unique=True)
    orders = relationship("Order", back_populates="customer", cascade="all, delete-orphan")


class Order(Base):
    __tablename__ = "orders"
    id = Column(Integer, primary_key=True)
    customer_id = Column(Integer, ForeignKey("customer.id"))
    what = Column(String(40), index=True)
    picture = Column(LargeBinary(2 ** 24))
    customer = relationship("Customer", back_populates="orders")


with create_engine(url, connect_args=arguments, future=True).connect() as connection:
    connection.execute(text("DROP DATABASE IF EXISTS orm"))
    connection.execute(text("CREATE DATABASE orm CHARACTER SET utf8mb4"))
engine = create_engine(url + "/orm?charset=utf8mb4", connect_args=arguments, pool_size=4, pool_pre_ping=True)
Base.metadata.create_all(engine)
assert sorted(inspect(engine).get_table_names()) == ["customer", "orders"]
assert inspect(engine).get_foreign_keys("orders")[0]["referred_table"] == "customer"
Session = sessionmaker(bind=engine)

session = Session()
for i in range(50):
    session.add(Customer(name=f"Müller 😀 {i}", orders=[Order(what=f"{i}/{j}", picture=bytes([j]) * 20000) for j in range(5)]))
session.commit()
session.add(Customer(name="Müller 😀 7"))
try:
    session.commit()
except IntegrityError:
    session.rollback()
else:
    raise AssertionError("a duplicate is taken")
assert session.query(func.count(Order.id)).scalar() == 250
customer = session.query(Customer).filter_by(name="Müller 😀 8").one()
assert [order.what for order in customer.orders] == [f"8/{j}" for j in range(5)]
assert customer.orders[3].picture == b"\3" * 20000
with session.begin_nested():
    customer.orders.pop()
session.delete(session.query(Customer).filter_by(name="Müller 😀 9").one())
session.flush()
session.rollback()
assert session.query(func.count(Order.id)).scalar() == 250
session.delete(session.query(Customer).filter_by(name="Müller 😀 9").one())
session.commit()
assert session.query(func.count(Order.id)).scalar() == 245

# Several sessions of the pool at once, each with a transaction open.
sessions = [Session() for _ in range(4)]
for i, one in enumerate(sessions):
    one.query(Order).filter_by(what=f"{i}/0").update({"what": f"changed {i}"})
for one in sessions:
    one.commit()
    one.close()
session.rollback()  # its snapshot is older
assert session.query(Order).filter(Order.what.like("changed %")).count() == 4
session.close()
engine.dispose()
